#!/bin/sh
# Make an authority, and one certificate that scheduler, workers and searches share.
# Usage: certificates.sh FOLDER. Whoever holds own.key may use the cluster: copy it by scp, and leave
# ca.key, which signs others, where it is. Both certificates hold for a year.
set -eu
umask 077
mkdir -p "$1"
cd "$1"
if [ -e ca.key ]; then
    echo "certificates.sh: there is an authority in $1 already; name another folder" >&2
    exit 2
fi
openssl req -x509 -newkey rsa:3072 -nodes -days 365 -subj "/CN=searches" \
    -keyout ca.key -out ca.pem 2>/dev/null
openssl req -newkey rsa:3072 -nodes -subj "/CN=own" -keyout own.key -out own.csr 2>/dev/null
openssl x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 \
    -out own.pem 2>/dev/null
rm own.csr

"""Seeds that depend on what they are for, and on nothing else."""

from __future__ import annotations

import hashlib
import json


def derive(*parts: object) -> int:
    """Make a seed from plain values, the same on every machine and in every process.

    Args:
        *parts: What the seed is for, such as the search's seed, a point, a fold.

    Returns:
        0..2**32 - 1.
    """
    text = json.dumps(parts, sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:4], "big")

"""One trial, its record, and the folder that keeps all of them."""

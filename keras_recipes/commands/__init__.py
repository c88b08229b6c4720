"""The commands of `python -m recipes`, one file each."""

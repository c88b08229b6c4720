"""Texts: files and tables of the user's own as rows, and what is seen in them."""

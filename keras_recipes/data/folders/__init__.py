"""Folders of files: which file has which label, whatever the files hold."""

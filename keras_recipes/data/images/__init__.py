"""Images of the user's own: which files, with which labels, as which pixels."""

"""The rules of the check, a file for each subject."""

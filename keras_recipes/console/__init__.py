"""The command line: flags from a dataclass, one-line errors, progress, signals, whole files."""

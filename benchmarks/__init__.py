"""Speed and scores against peers: each module is a command that prints a table."""

import recipes  # noqa: F401 - first, so that TensorFlow is imported quietly

"""Rows without Keras: splits, sources, readers of files and synthetic data."""

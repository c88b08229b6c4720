"""Exports: a saved run as a model for other programs."""

"""Synthetic data for where no real ones are given: a table, images, sentences."""

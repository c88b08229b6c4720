"""Searches over any recipe's hyperparameters, through Keras Tuner."""

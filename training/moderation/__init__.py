"""Trains the classifier's heads and the output's gate: `python -m training.moderation --data ../shared/moderation`."""

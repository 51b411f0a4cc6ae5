"""Thresholds of moderation out of what reviewers decided."""

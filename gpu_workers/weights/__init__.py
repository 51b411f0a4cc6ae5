"""Brings one revision of a model from the hub into the model store: `python -m gpu_workers.weights`.

It may be killed at any moment and run again: what is in the store stays, a half-downloaded file is continued, and the manifest,
which says that a revision is whole, is written last. What it prints is a line of JSON for each thing that happens.
"""

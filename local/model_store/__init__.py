"""What `parley models` does: the catalogue's wishes, the stage's bucket, and the job that fills it."""

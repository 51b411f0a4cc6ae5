"""What the functions share at run time, and how it is packed: `python -m layers.build`."""

"""Personal data and what only looks like it, made up for measuring the detection."""

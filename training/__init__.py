"""What maintainers train and measure; nothing of it is deployed."""

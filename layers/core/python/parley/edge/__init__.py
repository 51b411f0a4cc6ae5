"""What every HTTP function has at its edge: who asks, which request, and how errors read. Above it stand only the functions."""

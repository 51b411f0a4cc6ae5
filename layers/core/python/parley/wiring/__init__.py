"""What each function is made of: one module a function, so that none imports what it does not need."""

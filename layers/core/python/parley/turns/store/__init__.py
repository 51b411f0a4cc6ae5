"""The SQL of turns. A function takes a connection; its caller owns the transaction, which acts for the user."""

"""What keeps a command on the model store from its work."""


class StoreError(Exception):
    """The message says what is wrong and what to type."""

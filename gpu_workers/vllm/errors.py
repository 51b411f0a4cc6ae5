"""What keeps a replica from starting. The message says what to do, for whoever reads the task's log."""


class StartError(Exception):
    """The environment, or a LoRA adapter, is not as it must be."""

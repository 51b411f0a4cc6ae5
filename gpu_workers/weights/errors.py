"""Why a push ends without a manifest."""


class PushError(Exception):
    """Told to the operator as it is; `code` is for programs."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code

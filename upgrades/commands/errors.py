"""A command that is refused."""


class Refused(Exception):
    """Nothing was changed. `code` is Azure's word for the error, `message` says what to do, `target` what is wrong."""

    def __init__(self, code: str, message: str, *, target: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.target = target

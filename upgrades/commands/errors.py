"""A command that is refused."""

from collections.abc import Iterator
from contextlib import contextmanager

from upgrades.core.json_fields import BadDocument


class Refused(Exception):
    """Nothing was changed. `code` is Azure's word for the error, `message` says what to do, `target` what is wrong."""

    def __init__(self, code: str, message: str, *, target: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.target = target


@contextmanager
def refusing() -> Iterator[None]:
    """What is wrong with a document is a refusal."""
    try:
        yield
    except BadDocument as error:
        raise Refused(error.code, error.message, target=error.target) from error

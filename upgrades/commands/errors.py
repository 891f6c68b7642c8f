"""The error of all commands."""

from collections.abc import Iterator
from contextlib import contextmanager

from upgrades.core.json_fields import BadDocument


class Refused(Exception):
    """A command was refused, and nothing was changed.

    `code` is Azure's code for the error, `message` says what to do, `target` names the part of the input that is wrong.
    """

    def __init__(self, code: str, message: str, *, target: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.target = target

    @property
    def sentence(self) -> str:
        """The message as pages show it: with a stop at its end, and a capital unless it begins with a name, which stays as it is."""
        begins_with_word = self.message.partition(" ")[0].isalpha()
        message = self.message[:1].upper() + self.message[1:] if begins_with_word else self.message
        return message if message.endswith((".", "?", "!")) else f"{message}."


@contextmanager
def refusing() -> Iterator[None]:
    """Turn BadDocument, raised inside, into Refused."""
    try:
        yield
    except BadDocument as error:
        raise Refused(error.code, error.message, target=error.target) from error

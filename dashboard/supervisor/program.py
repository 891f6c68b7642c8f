"""A program that `up` starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `stdin` is for what must not be seen on the command line; `keep_open` are handles that it inherits.

    `is_forked`: the command is `python -m MODULE ...`, and most of what it loads is shared with other programs (forks.py).
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    keep_open: tuple[int, ...] = ()
    patience: float = 4.0  # seconds between asking it to stop and killing it
    is_forked: bool = False

"""Says when a child runs out of file descriptors: it refuses connections then, and most programs do so without a word."""

import os
import re
from pathlib import Path

from dashboard.supervisor.output import Output

SHARE = 0.9  # of what it may have
LOOK_EVERY_SECONDS = 10.0
SAY_EVERY_SECONDS = 60.0
_SOFT_LIMIT = re.compile(r"^Max open files\s+(\d+)", re.MULTILINE)


def used_and_limit(pid: int) -> tuple[int, int] | None:
    """How many the process has open, and may have; None where the system does not tell."""
    folder = Path("/proc") / str(pid)
    try:
        found = _SOFT_LIMIT.search((folder / "limits").read_text())
        return (len(os.listdir(folder / "fd")), int(found[1])) if found else None
    except OSError:
        return None


class Descriptors:
    """Those of one child, looked at now and then."""

    def __init__(self, name: str, output: Output) -> None:
        self._name = name
        self._output = output
        self._since_look = self._since_word = float("inf")

    def look(self, pid: int, step: float) -> None:
        """`step` seconds have passed since the last call."""
        self._since_look += step
        self._since_word += step
        if self._since_look < LOOK_EVERY_SECONDS or self._since_word < SAY_EVERY_SECONDS:
            return
        self._since_look = 0.0
        found = used_and_limit(pid)
        if found and found[0] >= SHARE * found[1]:
            self._since_word = 0.0
            used, limit = found
            self._output.say(
                f"{self._name} has {used} of {limit} file descriptors in use; without one it can take no connection: "
                "raise the limit (`ulimit -n`) and start `up` again"
            )

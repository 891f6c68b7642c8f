"""Where the simulator is: its lock and `control.json` in the state folder. Used by both sides."""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import mkstemp
from typing import TextIO

from upgrades.installation import PROGRAM
from upgrades.providers.base import ProviderError

UNAVAILABLE = "SimulatorUnavailable"


class AlreadyRunning(Exception):
    """Another simulator holds this state folder."""


@dataclass(frozen=True, slots=True)
class Control:
    url: str  # "http://127.0.0.1:port"
    token: str
    pid: int


def folder_of(home: Path) -> Path:
    return home / "simulator"


def write_control(home: Path, control: Control) -> None:
    """Whole or not at all, readable by this user only."""
    handle, draft = mkstemp(dir=folder_of(home), prefix=".control.")  # mkstemp's files have mode 0600
    with os.fdopen(handle, "w") as file:
        json.dump(asdict(control), file)
    os.replace(draft, folder_of(home) / "control.json")


def read_control(home: Path) -> Control:
    """Raises ProviderError SimulatorUnavailable where there is none."""
    path = folder_of(home) / "control.json"
    try:
        return Control(**json.loads(path.read_text()))
    except FileNotFoundError:
        raise unavailable(f"it is not running (no {path}); `{PROGRAM} simulator` or `{PROGRAM} up` starts it") from None
    except (OSError, ValueError, TypeError) as error:
        raise unavailable(f"{path} cannot be read: {error}") from error


def remove_control(home: Path) -> None:
    (folder_of(home) / "control.json").unlink(missing_ok=True)


def lock(home: Path) -> TextIO:
    """Holds the state folder as long as the answered file is open. Raises AlreadyRunning."""
    path = folder_of(home) / "lock"
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise AlreadyRunning(f"a simulator already runs on {home} (process {holder}); stop it first") from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def unavailable(why: str) -> ProviderError:
    return ProviderError(UNAVAILABLE, f"the simulator does not answer: {why}", permanent=False)

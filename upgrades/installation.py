"""Where Rollgrid runs from: a checkout, or an installed package. Imports no Django: the supervisor and the simulator use it too."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IS_CHECKOUT = (ROOT / "manage.py").is_file() and (ROOT / "pyproject.toml").is_file()
# As people call it; messages that name a command begin with it.
PROGRAM = "manage.py" if IS_CHECKOUT else "rollgrid"


class NoHome(Exception):
    """Nobody has said where the state folder is, and it cannot be found."""


def default_home() -> Path:
    """The state folder where ROLLGRID_HOME names none: never in a folder of installed packages. Raises NoHome."""
    return ROOT / "var" if IS_CHECKOUT else _user_state() / "rollgrid"


def _user_state() -> Path:
    """As the XDG base directory specification has it: a relative path counts as none."""
    given = Path(os.environ.get("XDG_STATE_HOME", ""))
    if given.is_absolute():
        return given
    try:
        return Path.home() / ".local" / "state"
    except RuntimeError:
        raise NoHome("this user has no home folder: name a state folder with ROLLGRID_HOME") from None


def working_folder(home: Path) -> Path:
    """Where children are started: where `python -m` finds our modules, or where nothing of theirs is in the way."""
    return ROOT if IS_CHECKOUT else home

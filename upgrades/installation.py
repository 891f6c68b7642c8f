"""Where Rollgrid runs from: a checkout, or an installed package. Imports no Django: the supervisor and the simulator use it too."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IS_CHECKOUT = (ROOT / "manage.py").is_file() and (ROOT / "pyproject.toml").is_file()
# Celery's, for a worker: its threads wait for providers most of the time.
WORKER_COMMAND = ("worker", "-P", "threads", "-c", "32", "--without-gossip", "--without-mingle", "--without-heartbeat")
# The command that people type; messages that name a command begin with it.
DEFAULT_ADDRESS = "http://127.0.0.1:8000"  # of `up` without options
QUEUE = r"[a-z0-9][a-z0-9-]{0,39}"  # the name of a queue of workers
PROGRAM = "manage.py" if IS_CHECKOUT else "rollgrid"


class NoHome(Exception):
    """The state folder is not configured, and this user has no home folder to put it into."""


def default_home() -> Path:
    """The state folder where ROLLGRID_HOME is not set; never in a folder of installed packages. Raises NoHome."""
    return ROOT / "var" if IS_CHECKOUT else _user_state() / "rollgrid"


def _user_state() -> Path:
    """The user's folder for state by the XDG base directory specification, which ignores relative paths. Raises NoHome."""
    given = Path(os.environ.get("XDG_STATE_HOME", ""))
    if given.is_absolute():
        return given
    try:
        return Path.home() / ".local" / "state"
    except RuntimeError:
        raise NoHome("this user has no home folder: name a state folder with ROLLGRID_HOME") from None


def working_folder(home: Path) -> Path:
    """The working folder of children: the checkout, so that `python -m` finds our modules; else the state folder, which has no modules."""
    return ROOT if IS_CHECKOUT else home


ADDRESS_FILE = "address"  # in the state folder: where `up` listens


def address(home: Path) -> str:
    """Where the pages are, as `up` has last written it: "http://127.0.0.1:8000"."""
    try:
        return (home / ADDRESS_FILE).read_text(encoding="ascii").strip() or DEFAULT_ADDRESS
    except (OSError, ValueError):
        return DEFAULT_ADDRESS

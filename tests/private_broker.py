"""A broker of a test's own, configured as `manage.py up` does it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from redis import Redis, RedisError

from dashboard.supervisor import broker
from dashboard.supervisor.lifeline import tie
from tests.waiting import wait_until

PASSWORD = "a password"


@contextmanager
def running() -> Iterator[str]:
    """Yields its REDIS_URL. Its folder is a short one: a unix socket's path may have 107 bytes only."""
    with TemporaryDirectory(prefix="rollgrid-broker-", dir="/tmp") as folder, served(Path(folder)) as url:
        yield url


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A broker with its socket in this folder; nothing that it holds outlives it."""
    socket = folder / "broker.sock"
    socket.unlink(missing_ok=True)
    process = subprocess.Popen(
        [broker.binary(), "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, preexec_fn=tie()
    )
    try:
        assert process.stdin is not None
        process.stdin.write(broker.configuration(socket, PASSWORD))
        process.stdin.close()
        url = f"unix://:{quote(PASSWORD)}@{quote(str(socket))}?db=0"
        wait_until(lambda: _answers(url), what="the broker's first answer")
        yield url
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with Redis.from_url(url) as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False

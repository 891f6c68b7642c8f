"""Signs of life: since when each kind of process does its work again, as the rest of Rollgrid and its users see it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from unittest.mock import patch
from urllib.error import URLError
from urllib.request import urlopen

import psutil
from django.db import DatabaseError
from django.db.models import Sum
from redis import Redis, RedisError

from dashboard import environment
from tests.end_to_end.installation import LIVE, Installation
from tests.supervisor.starting import SERVER
from upgrades import heartbeats
from upgrades.heartbeats import Part
from upgrades.models import ScaleSet
from upgrades.providers.base import ProviderError
from upgrades.providers.simulated.control import read_control

KINDS = ("worker", "prober", "beat", SERVER, "simulator", "broker")
STALE_SECONDS = 0.5  # what beat said just before it was killed may be done so much later
PROBED_MACHINES = 3  # of each scale set


@contextmanager
def broker_of(up: Installation) -> Iterator["Redis"]:
    """A client of that installation's own broker."""
    with patch.dict(os.environ, ROLLGRID_HOME=str(up.home), REDIS_URL=""):
        url = environment.redis_url()
    with Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
        yield client


@dataclass
class Signs:
    """What is looked for after a kill. `killed`: the process ids that are gone. `reconciled`: how often until then."""

    up: Installation
    killed: dict[str, int]

    def __post_init__(self) -> None:
        self.at = time.monotonic()
        self.at_wall = datetime.now(UTC)  # noqa: TID251  compared with what the prober wrote
        self.reconciled = reconciled_count()

    def is_back(self, kind: str) -> bool:
        """Does the one that took its place do the work?"""
        with suppress(psutil.Error, DatabaseError, ProviderError, RedisError, OSError, KeyError):
            return SIGNS[kind](self)
        return False

    def since(self, kind: str) -> float:
        """Seconds since the process that took its place was started (where none was killed: since the trouble was over)."""
        process = self.up.children()[kind]
        if kind not in self.killed:
            return time.monotonic() - self.at
        if process.pid == self.killed[kind]:
            raise KeyError(kind)
        return datetime.now(UTC).timestamp() - process.create_time()  # noqa: TID251  the kernel's word is wall time


def reconciled_count() -> int:
    taken: int = ScaleSet.objects.using(LIVE).aggregate(all=Sum("lease_number"))["all"]
    return taken


def _worker(signs: Signs) -> bool:
    """It does tasks, and has looked at a scale set."""
    return _pulsed_within(signs, signs.since("worker")) and reconciled_count() > signs.reconciled


def _beat(signs: Signs) -> bool:
    return _pulsed_within(signs, signs.since("beat") - STALE_SECONDS)


def _broker(signs: Signs) -> bool:
    """Messages go from beat through it to the worker, and scale sets are reconciled."""
    return _pulsed_within(signs, signs.since("broker")) and reconciled_count() > signs.reconciled


def _pulsed_within(signs: Signs, seconds: float) -> bool:
    """Has a worker done beat's bidding within so many seconds?"""
    record = heartbeats.read(signs.up.home)
    return record is not None and time.monotonic() - record.heartbeats[Part.TICKS].worked_at < seconds


def _prober(signs: Signs) -> bool:
    """The health of every scale set is known as of a moment after the kill."""
    signs.since("prober")
    before = ScaleSet.objects.using(LIVE).exclude(probed_at__gt=signs.at_wall)
    return not before.exists()


def _simulator(signs: Signs) -> bool:
    """Its control answers, and its machines listen."""
    signs.since("simulator")
    if read_control(signs.up.home).pid == signs.killed.get("simulator"):
        return False
    paths = ScaleSet.objects.using(LIVE).values_list("key", flat=True)
    awake = [[view.address for view in signs.up.views(path).values() if view.address] for path in paths]
    return all(_answers(address) for addresses in awake for address in addresses[:PROBED_MACHINES])


def _answers(address: str) -> bool:
    try:
        with urlopen(f"http://{address}/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except URLError:
        return False


def _web_server(signs: Signs) -> bool:
    signs.since(SERVER)
    return signs.up.ask("/healthz")[0] == 200


def _everything(signs: Signs) -> bool:
    return signs.up.is_ready() and all(SIGNS[kind](signs) for kind in KINDS)


SIGNS: dict[str, Callable[[Signs], bool]] = {
    "worker": _worker,
    "prober": _prober,
    "beat": _beat,
    SERVER: _web_server,
    "simulator": _simulator,
    "broker": _broker,
    "up": _everything,
}

"""A broker of the operator's own that refuses writes: a line now and then, and all is well again when it is."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests import private_broker
from tests.supervisor.starting import PATIENCE, Up
from tests.waiting import wait_until

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]
AWAY = {"ticks", "beat", "worker"}
MAX_LINES = (
    60  # of all processes, in the time until all three are missed (longer on a busy machine): it were hundreds a second
)

Trouble = tuple[Callable[[Redis], object], Callable[[Redis], object]]
TROUBLES: dict[str, Trouble] = {
    "out of memory": (lambda it: it.config_set("maxmemory", 1), lambda it: it.config_set("maxmemory", 0)),
    "read-only": (lambda it: it.replicaof("127.0.0.1", 1), lambda it: it.replicaof("NO", "ONE")),
}


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with private_broker.running() as url:
        yield url


@pytest.fixture(scope="module")
def up(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    home: Path = tmp_path_factory.mktemp("up") / "home"
    started = Up(home, without="nothing", more={"REDIS_URL": broker})
    started.ready()
    yield started
    started.clean_up()


def works(up: Up) -> bool:
    return up.ask("/healthz/engine")[0] == 200


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_broker_that_refuses_writes_is_a_few_lines(up: Up, broker: str, trouble: str) -> None:
    """275 lines of tracebacks a second, of beat and worker."""
    begin, end = TROUBLES[trouble]
    wait_until(lambda: works(up), seconds=PATIENCE, what="the engine works")
    before, processes = len(up.said().splitlines()), {name: process.pid for name, process in up.children().items()}
    with Redis.from_url(broker) as client:
        begin(client)
        try:
            wait_until(lambda: missed(up) >= AWAY, seconds=2 * PATIENCE, what="ticks, beat and worker are missed")
        finally:
            end(client)
    said = up.said().splitlines()[before:]
    assert len(said) < MAX_LINES, "\n".join(said)
    assert not any("Traceback" in line for line in said)
    assert up.ask("/readyz")[0] == 200, "the pages can be served"
    wait_until(lambda: works(up), seconds=3 * PATIENCE, what="the engine works again")
    assert {name: process.pid for name, process in up.children().items()} == processes, "nobody ended over it"


def missed(up: Up) -> set[str]:
    return set(json.loads(up.ask("/healthz/engine")[1])["away"])

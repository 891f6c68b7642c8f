"""/healthz, /readyz and /healthz/engine, with a real broker and a real database."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test import AsyncClient, Client

from dashboard import health
from dashboard.shared_check import CHECK_SECONDS, LATE, SharedCheck
from tests import private_broker
from tests.stories import a_scale_set
from tests.waiting import wait_until
from upgrades import engine_state, heartbeats, outages
from upgrades.heartbeats import Heartbeats, Part
from upgrades.models import WriteMark

on_a_database = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture(autouse=True)
def fresh_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is believed of what an earlier test found."""
    checks = {
        "database": SharedCheck(health.write_to_database, outages.why),
        "broker": SharedCheck(health.ask_broker, outages.why),
    }
    monkeypatch.setattr(health, "CHECKS", checks)
    monkeypatch.setattr(health, "NEEDS", {"simulator": False})


@pytest.fixture
def broker(settings: Any) -> Iterator[None]:
    with private_broker.running() as url:
        settings.REDIS_URL = url
        health.broker.cache_clear()
        yield
        health.broker().close()
    health.broker.cache_clear()


@pytest.fixture
def no_broker(settings: Any) -> Iterator[None]:
    settings.REDIS_URL = "unix:///no/such/broker.sock"
    health.broker.cache_clear()
    yield
    health.broker.cache_clear()


@pytest.fixture
def parts(settings: Any, tmp_path: Path) -> Iterator[Heartbeats]:
    """The heartbeats of an `up` that has just begun."""
    settings.ROLLGRID_HOME = tmp_path
    handle = heartbeats.make(tmp_path)
    yield Heartbeats(handle)
    os.close(handle)


def all_work(parts: Heartbeats) -> None:
    for part in engine_state.ALWAYS:
        parts.worked(part)


def test_alive_needs_nothing() -> None:
    """No database mark: touching it would fail this test."""
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"alive\n")


def test_health_is_answered_without_a_session(settings: Any) -> None:
    """A load balancer knows an address only, and may speak plain http where everyone else must not."""
    settings.SECURE_SSL_REDIRECT = True
    assert Client(headers={"host": "10.9.8.7"}).get("/healthz").status_code == 200
    assert Client().get("/").status_code == 301


# --- can this server serve? -------------------------------------------------------------------------------------------


@on_a_database
@pytest.mark.usefixtures("broker", "parts")
@pytest.mark.parametrize("ask", [Client().get, async_to_sync(AsyncClient().get)])
def test_a_server_is_ready_without_the_engine_and_tells_of_it(ask: Callable[[str], Any]) -> None:
    answer = ask("/readyz")
    assert answer.status_code == 200
    said = answer.json()
    assert (said["database"], said["broker"], said["problems"]) == (True, True, {})
    assert said["engine"]["working"] is False
    assert set(said["engine"]["away"]) == {"ticks", "beat", "worker", "prober"}
    assert WriteMark.objects.count() == 1


@on_a_database
@pytest.mark.usefixtures("no_broker", "parts")
def test_readiness_fails_without_a_broker() -> None:
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    said = answer.json()
    assert (said["database"], said["broker"]) == (True, False)
    assert list(said["problems"]) == ["broker"]


def refusing(words: str) -> Callable[..., Any]:
    """What SQLite and PostgreSQL say, from the place where they say it."""

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("UPDATE", "INSERT", "DELETE")):
            raise OperationalError(words)
        return execute(sql, params, many, context)

    return refuse


@on_a_database
@pytest.mark.usefixtures("broker", "parts")
@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("database or disk is full", "the disk is full"),
        ("could not extend file: No space left on device", "the disk is full"),
        ("attempt to write a readonly database", "there is no right to write"),
        ("cannot execute UPDATE in a read-only transaction", "there is no right to write"),
    ],
)
def test_readiness_fails_if_the_database_cannot_be_written(
    words: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could be read, and the server said that it was ready."""
    write = health.write_to_database

    def in_its_thread() -> None:
        with connection.execute_wrapper(refusing(words)):
            write()

    monkeypatch.setitem(health.CHECKS, "database", SharedCheck(in_its_thread, outages.why))
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["problems"] == {"database": f"{named}: {words}"}


@pytest.mark.django_db
def test_signing_in_to_a_database_that_cannot_be_written_is_a_clean_page() -> None:
    User.objects.create_user("ada", password="a good password")
    client = Client(raise_request_exception=False)
    with connection.execute_wrapper(refusing("database or disk is full")):
        answer = client.post("/login/", {"username": "ada", "password": "a good password"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "The database is unavailable" in answer.content.decode()


# --- one check for all who ask ----------------------------------------------------------------------------------------


def test_sixty_callers_share_one_check_and_wait_for_it_until_its_deadline() -> None:
    """20 callers with a halted broker: 16 heard "database: false" after 14 s; 60: a page took 37 s."""
    began, go_on = [0], threading.Event()

    def hang() -> None:
        began[0] += 1
        go_on.wait(60)

    halted, healthy = SharedCheck(hang, outages.why), SharedCheck(lambda: None, outages.why)

    async def sixty() -> list[tuple[str, str]]:
        asked = [asyncio.gather(halted.ask_later(), healthy.ask_later()) for _ in range(60)]
        return [(first, second) for first, second in await asyncio.gather(*asked)]

    at = time.monotonic()
    assert set(asyncio.run(sixty())) == {(LATE, "")}
    assert time.monotonic() - at < 3 * CHECK_SECONDS
    at = time.monotonic()
    assert halted.ask() == LATE
    assert time.monotonic() - at < 1, "whoever comes after the deadline waits no more"
    assert began == [1]
    go_on.set()
    wait_until(lambda: halted.ask() == "", what="it has recovered")


def test_an_answer_is_believed_for_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [0]

    def check() -> None:
        asked[0] += 1

    monkeypatch.setattr("dashboard.shared_check.BELIEVED_SECONDS", 3600.0)
    shared = SharedCheck(check, outages.why)
    assert [shared.ask() for _ in range(5)] == [""] * 5
    assert asked == [1]
    monkeypatch.setattr("dashboard.shared_check.BELIEVED_SECONDS", 0.0)
    shared.ask()
    assert asked == [2]


def test_a_failed_check_says_its_error_in_one_line() -> None:
    def fail() -> None:
        raise RuntimeError("no\ndatabase")

    assert SharedCheck(fail, outages.why).ask() == "no"


# --- is the engine at work? -------------------------------------------------------------------------------------------


def engine() -> tuple[int, Any]:
    answer = Client().get("/healthz/engine")
    return answer.status_code, answer.json()


@on_a_database
def test_the_engine_works_while_all_parts_do(parts: Heartbeats) -> None:
    assert engine()[0] == 503
    all_work(parts)
    assert engine() == (200, {"working": True, "away": {}})


@pytest.mark.django_db
def test_no_upgrade_goes_on_while_the_database_takes_no_writes(
    parts: Heartbeats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a full disk all parts came round, for they had nothing to write, and the engine was said to work."""
    all_work(parts)

    def full() -> None:
        raise OperationalError("database or disk is full")

    monkeypatch.setitem(health.CHECKS, "database", SharedCheck(full, outages.why))
    problems = {"database": "the disk is full: database or disk is full"}
    assert engine() == (503, {"working": False, "away": {}, "problems": problems})


@on_a_database
def test_a_missing_part_is_named_with_the_time_since_when(parts: Heartbeats, monkeypatch: pytest.MonkeyPatch) -> None:
    all_work(parts)
    monkeypatch.setattr(engine_state, "AWAY_SECONDS", -1.0)
    status, said = engine()
    assert status == 503
    assert set(said["away"]) == {"ticks", "beat", "worker", "prober"}
    assert all(since.startswith("20") for since in said["away"].values())


@on_a_database
def test_the_simulator_counts_where_a_scale_set_is_on_it(parts: Heartbeats) -> None:
    all_work(parts)
    a_scale_set()
    status, said = engine()
    assert (status, list(said["away"])) == (503, ["simulator"])
    parts.worked(Part.SIMULATOR)
    assert engine()[0] == 200


@on_a_database
def test_a_bundled_broker_counts_once_it_has_answered(parts: Heartbeats, monkeypatch: pytest.MonkeyPatch) -> None:
    all_work(parts)
    assert engine()[0] == 200
    parts.worked(Part.BROKER)
    monkeypatch.setattr(engine_state, "AWAY_SECONDS", -1.0)
    assert "broker" in engine()[1]["away"]


@on_a_database
def test_the_engines_health_has_no_times_before_the_first_start(settings: Any, tmp_path: Path) -> None:
    settings.ROLLGRID_HOME = tmp_path
    assert engine() == (503, {"working": False, "away": dict.fromkeys(("ticks", "beat", "worker", "prober"))})


def test_coming_round_without_work_is_no_work(parts: Heartbeats, tmp_path: Path) -> None:
    parts.tried(Part.WORKER)
    record = heartbeats.read(tmp_path)
    assert record
    found = record.heartbeats[Part.WORKER]
    assert found.worked_at == 0 < found.tried_at

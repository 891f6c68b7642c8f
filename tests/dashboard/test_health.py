"""/healthz and /readyz, with a real broker and a real database."""

from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from dashboard import health
from tests import private_broker


@pytest.fixture
def broker(settings: Any) -> Iterator[None]:
    with private_broker.running() as url:
        settings.REDIS_URL = url
        health.broker.cache_clear()
        yield
        health.broker().close()
    health.broker.cache_clear()


def test_alive_needs_nothing() -> None:
    """No database mark: touching it would fail this test."""
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"alive\n")


def test_health_is_told_to_whoever_asks(settings: Any) -> None:
    """A load balancer knows an address only, and may speak plain http where everyone else must not."""
    settings.SECURE_SSL_REDIRECT = True
    assert Client(headers={"host": "10.9.8.7"}).get("/healthz").status_code == 200
    assert Client().get("/").status_code == 301


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.usefixtures("broker")
def test_ready_when_a_worker_left_its_mark() -> None:
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"database": True, "broker": True, "worker": False}
    health.leave_mark()
    answer = Client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"database": True, "broker": True, "worker": True}
    assert 0 < int(str(health.broker().ttl(health.MARK))) <= health.MARK_SECONDS


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.usefixtures("broker")
def test_ready_under_asgi_too() -> None:
    health.leave_mark()
    answer = async_to_sync(AsyncClient().get)("/readyz")
    assert answer.status_code == 200


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_not_ready_without_a_broker(settings: Any) -> None:
    settings.REDIS_URL = "unix:///no/such/broker.sock"
    health.broker.cache_clear()
    answer = Client().get("/readyz")
    health.broker.cache_clear()
    assert answer.status_code == 503
    assert answer.json() == {"database": True, "broker": False, "worker": False}


def test_not_ready_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> bool:
        raise RuntimeError("no database")

    monkeypatch.setitem(health.CHECKS, "database", fails)
    assert health.readiness()["database"] is False

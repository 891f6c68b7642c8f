"""The settings that the design rests on."""

import logging
from typing import Any

import pytest
from celery import Celery
from django.conf import settings
from redis import Redis

from dashboard.celery import app, empty_task
from dashboard.log_filters import DropNotReady
from tests import private_broker
from tests.waiting import wait_until


def test_celery_is_a_trigger_only() -> None:
    conf = app.conf
    assert conf.task_acks_late is False
    assert conf.task_ignore_result is True
    assert conf.task_always_eager is False
    assert app.backend.as_uri() == "disabled://"
    assert conf.accept_content == ["json"]
    assert conf.worker_hijack_root_logger is False
    assert conf.broker_transport_options["unacked_restore_interval"] == 1
    assert conf.broker_transport_options["unacked_restore_throttle"] == 1


def test_the_tick_is_never_replayed() -> None:
    tick = settings.CELERY_BEAT_SCHEDULE["tick"]
    assert tick["task"] == "upgrades.tasks.tick"
    assert tick["schedule"] == 1
    assert tick["options"]["expires"] == 2


def test_a_message_passes_the_unix_socket_with_its_password() -> None:
    with private_broker.running() as url:
        spelled = url.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
        with Celery(broker=spelled) as other, Redis.from_url(url) as client:
            other.send_task(empty_task.name)
            assert wait_until(lambda: client.llen("celery")) == 1


@pytest.mark.parametrize(("path", "shown"), [("/readyz", False), ("/", True)])
def test_a_503_of_readyz_is_no_fault(path: str, shown: bool) -> None:
    class Request:
        def __init__(self) -> None:
            self.path = path

    entry: Any = logging.LogRecord("django.request", logging.ERROR, "x.py", 1, "Service Unavailable", (), None)
    entry.request = Request()
    assert DropNotReady().filter(entry) is shown


def test_every_logger_ends_at_the_masking_handler() -> None:
    assert settings.LOGGING["root"]["handlers"] == ["stderr"]
    assert settings.LOGGING["handlers"]["stderr"]["formatter"] == "line"
    assert settings.LOGGING["formatters"]["line"]["()"] == "dashboard.masking.MaskingFormatter"
    for name, logger in settings.LOGGING["loggers"].items():
        assert not logger.get("handlers"), name
        assert logger.get("propagate", True), name


def test_expired_ticks_are_not_logged() -> None:
    """One a second for as long as the worker was away."""
    assert not logging.getLogger("celery.worker.request").isEnabledFor(logging.INFO)
    assert logging.getLogger("celery.worker.request").isEnabledFor(logging.WARNING)

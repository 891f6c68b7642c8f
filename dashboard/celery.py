"""The Celery application. It only triggers: queue and memory are the database (docs/architecture.md). Its settings are in settings.py."""

import logging
import threading
import warnings
from collections.abc import Callable
from functools import cached_property
from typing import Any

import kombu
from celery import Celery
from celery.app.amqp import AMQP
from celery.exceptions import SecurityWarning
from celery.signals import beat_init, celeryd_init, setup_logging, task_postrun, worker_init, worker_shutting_down
from kombu.exceptions import KombuError, OperationalError
from redis import RedisError

from dashboard import environment, start_gate
from upgrades import heartbeats, measures
from upgrades.heartbeats import Part

environment.keep_ours()

# As root, Celery warns of messages that may be code (pickle). Ours are JSON, and no others are accepted.
warnings.filterwarnings("ignore", category=SecurityWarning)

RECONNECT_SECONDS = 1
HEARTBEAT_SECONDS = 2.0

log = logging.getLogger(__name__)


class Connection(kombu.Connection):
    """A connection that tries to reconnect each second. Kombu's waits grow to half a minute, so that workers came back that late."""

    def ensure_connection(self, *args: Any, **options: Any) -> kombu.Connection:  # type: ignore[override]  # handed on
        steady = {"interval_start": RECONNECT_SECONDS, "interval_step": 0, "interval_max": RECONNECT_SECONDS}
        return super().ensure_connection(*args, **{**steady, **options})


class SteadyAMQP(AMQP):
    Connection = Connection

    @cached_property
    def send_task_message(self) -> Callable[..., object]:
        """The function that publishes a task. After an error of the broker kombu may raise AttributeError on the closed channel, which
        ended beat; here it becomes an OperationalError, and the connection is made anew.
        """
        send = super().send_task_message

        def sent(producer: kombu.Producer, *args: Any, **options: Any) -> object:
            try:
                return send(producer, *args, **options)
            except AttributeError as error:
                if producer.connection:
                    producer.connection.collect()
                raise OperationalError(f"the channel was closed: {error}") from error

        return sent


app = Celery("rollgrid", amqp="dashboard.celery:SteadyAMQP")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["upgrades.arm.deployments"])

EMPTY_TASK = "dashboard.pulse"


@app.task(name=EMPTY_TASK)
def empty_task() -> None:
    """A task that does nothing. A worker sends it to itself: heartbeats come from tasks alone, and there may be no others."""


@worker_init.connect
def start_reconciling(**_: object) -> None:
    from upgrades import tasks  # once Django is set up

    measures.begin()
    tasks.start_reconciling()


@worker_shutting_down.connect
def end_work_soon(**_: object) -> None:
    from upgrades import tasks  # once Django is set up

    tasks.end_work_soon()


@worker_init.connect
def start_sending_heartbeats(**_: object) -> None:
    threading.Thread(target=_send_heartbeats, name="heartbeats", daemon=True).start()


def _send_heartbeats() -> None:
    pause = threading.Event()
    while not pause.wait(HEARTBEAT_SECONDS):
        try:
            empty_task.apply_async(expires=2 * HEARTBEAT_SECONDS)
        except (KombuError, RedisError, OSError) as error:
            log.error("the broker is not working (%s): there is nothing to do", error)
            heartbeats.tried(Part.WORKER)


@task_postrun.connect
def leave_a_heartbeat(**_: object) -> None:
    """Leave a heartbeat after each task, but not while reconciling hangs: it blocks one of few threads, and its scale set waits."""
    from upgrades import tasks  # once Django is set up

    if not tasks.RECONCILER.is_hanging(environment.hang_seconds()):
        heartbeats.worked(Part.WORKER)


@celeryd_init.connect
@beat_init.connect
def wait_for_the_gate(**_: object) -> None:
    start_gate.wait()


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """Do nothing: that this signal has a receiver stops Celery from setting up its own logging. Django has applied settings.LOGGING."""

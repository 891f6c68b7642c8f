"""The Celery application: a trigger, neither the queue nor the memory (docs/architecture.md). Its settings are in settings.py."""

import warnings
from typing import Any

import kombu
from celery import Celery
from celery.app.amqp import AMQP
from celery.exceptions import SecurityWarning
from celery.signals import beat_init, celeryd_init, setup_logging, worker_ready

from dashboard import environment, gate

environment.keep_ours()

# It warns root of messages that are code (pickle); ours are JSON and no others are accepted.
warnings.filterwarnings("ignore", category=SecurityWarning)

RECONNECT_SECONDS = 1


class Connection(kombu.Connection):
    """Asks a broker that is away again each second. By itself the wait grows to half a minute, and the worker came back that late."""

    def ensure_connection(self, *args: Any, **options: Any) -> kombu.Connection:  # type: ignore[override]  # handed on
        steady = {"interval_start": RECONNECT_SECONDS, "interval_step": 0, "interval_max": RECONNECT_SECONDS}
        return super().ensure_connection(*args, **{**steady, **options})


class SteadyAMQP(AMQP):
    Connection = Connection


app = Celery("rollgrid", amqp="dashboard.celery:SteadyAMQP")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

PULSE = "dashboard.pulse"


@app.task(name=PULSE)
def pulse() -> None:
    """Proves that beat, the broker and a worker's pool work together: /readyz looks for the mark that this leaves."""
    from dashboard import health

    health.leave_mark()


@worker_ready.connect
def pulse_at_once(**_: object) -> None:
    """A worker that has just come says so without waiting for beat's next pulse."""
    pulse.apply_async(expires=5)


@celeryd_init.connect
@beat_init.connect
def wait_for_the_gate(**_: object) -> None:
    gate.wait()


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """A receiver here is what stops Celery from setting up logging of its own; Django has applied settings.LOGGING."""

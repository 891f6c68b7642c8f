"""Celery tasks, a few lines each. They trigger; the database is the queue and the memory, so losing any message is harmless."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from celery import Task, shared_task
from django.db import DatabaseError
from django.utils import timezone
from kombu.exceptions import KombuError
from redis import RedisError

from upgrades import heartbeats, retention, sign_ins
from upgrades.heartbeats import Part
from upgrades.neighbours import is_database_away
from upgrades.orchestrator import advance as looking
from upgrades.orchestrator import ticking
from upgrades.orchestrator import work as working
from upgrades.orchestrator.opt_outs import end_expired_fleet_stop
from upgrades.orchestrator.wakes import Looks

log = logging.getLogger(__name__)
FOLLOWED_SECONDS = 0.09  # an outcome waits so long for the verdict that mostly follows it: one look at both
PURGE_REST_SECONDS = 0.2  # between two calls: a writer that waits for SQLite looks again each tenth of a second
P = ParamSpec("P")


def patient(do: Callable[P, None]) -> Callable[P, None]:
    """A database that is away, locked or out of disk is said in one line: a later look does what was to be done now."""

    @wraps(do)
    def tried(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            do(*args, **kwargs)
        except DatabaseError as error:
            if not is_database_away(error):
                raise
            log.error("the database does not do its work (%s): %s%s is left for a later look", error, do.__name__, args)

    return tried


@shared_task(name="upgrades.tasks.tick")
@patient
def tick() -> None:
    """Each second: has every scale set that is due looked at."""
    now = timezone.now()
    end_expired_fleet_stop(now)
    for scale_set_id in ticking.due(now):
        look_soon(scale_set_id, within=0.0)
    heartbeats.worked(Part.TICKS)


@patient
def look(scale_set_id: int) -> None:
    for handed in looking.advance(scale_set_id, timezone.now):
        send(work, handed.chunk_id, handed.number)


LOOKS = Looks(look)  # a worker starts them


@shared_task(name="upgrades.tasks.advance")
def advance(*scale_set_ids: int) -> None:
    """Has these scale sets looked at: soon, in a worker, together with whatever else wakes them; elsewhere now."""
    for scale_set_id in scale_set_ids:
        if LOOKS.is_running:
            LOOKS.wake(scale_set_id)
        else:
            look(scale_set_id)


@shared_task(name="upgrades.tasks.work")
@patient
def work(chunk_id: int, number: int) -> None:
    report = working.work(chunk_id, number, timezone.now, look_soon)
    if report is not None and report.number is not None:
        send(work, chunk_id, report.number)


def look_soon(scale_set_id: int, *, within: float = FOLLOWED_SECONDS) -> None:
    """Without a message where this process has the wake itself: to receive one costs as much as a look."""
    if LOOKS.is_running:
        LOOKS.wake(scale_set_id, within=within)
    else:
        send(advance, scale_set_id)


@shared_task(name="upgrades.tasks.purge")
@patient
def purge() -> None:
    now = timezone.now()
    if retention.purge(now, retention.WORK_SECONDS):
        send(purge, after=PURGE_REST_SECONDS)
    else:
        sign_ins.purge(now)


def send(task: "Task[Any, Any]", *args: int, after: float = 0) -> None:
    """Queues a task, to be done so many seconds later; where the broker does not take it, the next look does the same a little later."""
    try:
        task.apply_async(args, countdown=after)
    except (KombuError, RedisError, OSError) as error:
        log.warning("the broker did not take %s%s (%s); it is done by a later look", task.name, args, error)

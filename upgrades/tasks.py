"""Celery tasks, a few lines each. They only trigger: what is to be done is in the database, so losing any message is harmless."""

import logging
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from celery import Task, shared_task
from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone
from kombu.exceptions import KombuError
from redis import RedisError

from upgrades import heartbeats, image_checks, retention, sign_ins
from upgrades.commands import model_references
from upgrades.commands.image_sources import other_queues
from upgrades.feed.wake_queue import WakeQueue
from upgrades.heartbeats import Part
from upgrades.orchestrator import reconcile, schedule
from upgrades.orchestrator import work as work_items
from upgrades.orchestrator.opt_outs import end_expired_fleet_stop
from upgrades.orchestrator.outcomes import VERDICT_SECONDS
from upgrades.orchestrator.row_cache import RowCache
from upgrades.orchestrator.thread_use import ThreadUse
from upgrades.orchestrator.wakes import Reconciler
from upgrades.outages import is_database_away

log = logging.getLogger(__name__)
GATHER_SECONDS = 0.09  # from an outcome to reconciling: others may follow within it, and are seen too
MAX_GOING_ON = 24  # threads that stay with their work items; the others of WORKER_COMMAND are for what comes meanwhile
PURGE_REST_SECONDS = 0.2  # between two calls: a writer that waits for SQLite tries again each tenth of a second
P = ParamSpec("P")


def log_database_errors(task: Callable[P, None]) -> Callable[P, None]:
    """Log in one line that the database is away, locked or out of disk; what was to be done now is done later by itself."""

    @wraps(task)
    def tried(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            task(*args, **kwargs)
        except DatabaseError as error:
            if not is_database_away(error):
                raise
            log.error("the database is not working (%s): %s%s is done later by itself", error, task.__name__, args)

    return tried


@shared_task(name="upgrades.tasks.tick")
@log_database_errors
def tick() -> None:
    """Have every scale set reconciled that is due. Beat sends this each second."""
    now = timezone.now()
    end_expired_fleet_stop(now)
    for scale_set_id in schedule.due_scale_sets(now):
        reconcile_soon(scale_set_id, within=0.0)
    heartbeats.worked(Part.TICKS)


@log_database_errors
def reconcile_now(scale_set_id: int) -> None:
    """Reconcile the scale set, if its location's queue is the one of this process; otherwise wake the workers of that queue."""
    queue = reconcile.queue_of(scale_set_id)
    if queue is not None and queue != settings.ROLLGRID_QUEUE:
        wake(scale_set_id, queue=queue)
        return
    wake_again = RECONCILER.wake if RECONCILER.is_running else None
    for claim in reconcile.reconcile(
        scale_set_id, timezone.now, wake_again, ROW_CACHE if RECONCILER.is_running else None
    ):
        send(work, claim.work_item_id, claim.claim_number)


RECONCILER = Reconciler(reconcile_now)  # started in workers only
ROW_CACHE = RowCache()
WAKE_QUEUE = WakeQueue()
THREAD_USE = ThreadUse()


@shared_task(name="upgrades.tasks.advance")
def advance(*scale_set_ids: int) -> None:
    """Have these scale sets reconciled: in a worker soon, together with other wakes; in other processes within this call."""
    for scale_set_id in scale_set_ids:
        if RECONCILER.is_running:
            RECONCILER.wake(scale_set_id)
        else:
            reconcile_now(scale_set_id)


def wake(*scale_set_ids: int, queue: str | None = None) -> None:
    """From another process, have a worker reconcile these scale sets now: one of that queue, of this process' own if it is None."""
    try:
        WAKE_QUEUE.put(*scale_set_ids, queue=queue)
    except (RedisError, OSError) as error:
        log.warning("the broker did not take wakes of %s (%s); the tick finds them", scale_set_ids, error)


def start_reconciling() -> None:
    """In a worker, begin to reconcile the scale sets that are woken, here or by another process."""
    RECONCILER.start()
    THREAD_USE.allow(MAX_GOING_ON)
    threading.Thread(target=WAKE_QUEUE.follow, args=(RECONCILER.wake,), name="wakes", daemon=True).start()


def end_work_soon() -> None:
    """In a worker that is told to stop, let no work item keep its thread: the task that follows is another worker's."""
    THREAD_USE.allow(0)


@shared_task(name="upgrades.tasks.work")
@log_database_errors
def work(work_item_id: int, claim_number: int) -> None:
    with THREAD_USE:
        result = work_items.work(work_item_id, claim_number, timezone.now, _follow_outcomes, THREAD_USE.may_go_on)
    if result is not None and result.claim_number is not None:
        send(work, work_item_id, result.claim_number)


def _follow_outcomes(scale_set_id: int, awaits_verdicts: bool) -> None:
    reconcile_soon(scale_set_id, within=VERDICT_SECONDS if awaits_verdicts else GATHER_SECONDS)


def reconcile_soon(scale_set_id: int, *, within: float = GATHER_SECONDS) -> None:
    """Have a scale set reconciled in `within` seconds. A worker needs no message for that: receiving one costs as much as reconciling."""
    if RECONCILER.is_running:
        RECONCILER.wake(scale_set_id, within=within)
    else:
        send(advance, scale_set_id)


@shared_task(name="upgrades.tasks.purge")
@log_database_errors
def purge() -> None:
    now = timezone.now()
    if retention.purge(now, retention.WORK_SECONDS):
        send(purge, after=PURGE_REST_SECONDS)
    else:
        sign_ins.purge(now)


@shared_task(name="upgrades.tasks.check_image_sources")
@log_database_errors
def check_image_sources() -> None:
    """Begin to check the sources of images that are due. Beat sends this each minute; workers of other queues get it from there."""
    image_checks.check_due_sources(timezone.now)
    if settings.ROLLGRID_QUEUE:
        return
    for queue in other_queues():
        try:
            check_image_sources.apply_async(queue=f"celery.{queue}", expires=50)
        except (KombuError, RedisError, OSError) as error:
            log.warning(
                "the broker did not take check_image_sources for %s (%s); it is sent again in a minute", queue, error
            )


@shared_task(name="upgrades.tasks.check_references")
@log_database_errors
def check_references() -> None:
    """Check what scale sets refer to, where that is due. Beat sends this each ten seconds. One at a time, each with calls side by side."""
    if not CHECKING_REFERENCES.acquire(blocking=False):
        return
    try:
        for scale_set_id in model_references.due_for_a_check(timezone.now()):
            model_references.check_references(scale_set_id, timezone.now)
    finally:
        CHECKING_REFERENCES.release()


CHECKING_REFERENCES = threading.Lock()


def send(task: "Task[Any, Any]", *args: int, after: float = 0) -> None:
    """Send a task, to be done in `after` seconds. Where the broker does not take it, reconciling does the same a little later."""
    try:
        task.apply_async(args, countdown=after)
    except (KombuError, RedisError, OSError) as error:
        log.warning("the broker did not take %s%s (%s); reconciling does it a little later", task.name, args, error)

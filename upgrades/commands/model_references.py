"""Checks the references of scale sets' models: each day, when a model has changed, and when an upgrade begins (S-26, S-42)."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import Q

from upgrades.commands.audit import unaudited
from upgrades.commands.reference_checks import FAILED, Check, check_all, references_of
from upgrades.core import credentials
from upgrades.core.credentials import FailedReference
from upgrades.feed.writing import writing
from upgrades.models import ScaleSet

log = logging.getLogger(__name__)
EVERY = timedelta(days=1)
MAX_FAILED = 20  # that are kept


def due_for_a_check(now: datetime) -> list[int]:
    """The ids of the scale sets whose references are to be checked now."""
    due = Q(references_due_at=None) | Q(references_due_at__lte=now)
    return list(ScaleSet.objects.filter(due, deleting=False).values_list("pk", flat=True))


@unaudited("it changes nothing that people have set")
def check_references(scale_set_id: int, clock: Callable[[], datetime]) -> None:
    """Check what the model of this scale set refers to, and store what failed. May take some ten seconds.

    Nothing is stored where the model has changed meanwhile: the scale set is due then, and is checked again.
    """
    row = ScaleSet.objects.filter(pk=scale_set_id).first()
    if row is None:
        return
    found = references_of(row)
    failed = [_kept(check) for check in check_all(found, clock()) if _is_failure(check, clock())][:MAX_FAILED]
    now = clock()
    with writing(now, scale_set_id) as writer:
        stored = writer.scale_set
        if (stored.document, stored.sealed_secrets) != (row.document, row.sealed_secrets):
            return
        before = (stored.credentials, stored.failed_references)
        stored.credentials = credentials.to_json(credentials.credentials_of(found))
        stored.failed_references = credentials.failed_to_json(failed)
        stored.references_due_at = now + EVERY
        stored.save(update_fields=["credentials", "failed_references", "references_due_at"])
        if before != (stored.credentials, stored.failed_references):
            writer.changed(stored)
            writer.wake()
    for each in failed:
        log.warning("%s refers to %s (%s), which cannot be used: %s", row, each.shown, each.place, each.says)


def _is_failure(check: Check, now: datetime) -> bool:
    """Expired credentials have a reason of their own, which needs no check."""
    ends_at = check.reference.expires_at
    return check.result == FAILED and not (ends_at is not None and ends_at <= now)


def _kept(check: Check) -> FailedReference:
    return FailedReference(check.reference.place, check.reference.shown, check.says)

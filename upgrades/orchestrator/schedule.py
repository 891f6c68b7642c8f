"""Finds the scale sets that are due to be reconciled, also those whose wake was lost."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from upgrades.core.steps import RESYNC_INTERVAL
from upgrades.models import ScaleSet, clock
from upgrades.models.scale_set import locked_in_order

# For how long later ticks leave out a scale set that a tick has found. If its reconcile was lost, it is due again afterwards.
LEAVE_OUT_FOR = timedelta(seconds=3)
MAX_AHEAD = 2 * RESYNC_INTERVAL  # `reconcile_at` is never set further ahead; where it is, the clock was set back


def due_scale_sets(now: datetime) -> list[int]:
    """Take the scale sets that are due: returns their ids, the longest due first, and sets their `reconcile_at` LEAVE_OUT_FOR ahead."""
    was_set_back = Q(reconciled_at__gt=now + clock.SET_BACK) | Q(reconcile_at__gt=now + MAX_AHEAD)
    is_due = Q(reconcile_at__lte=now) | was_set_back
    ids = list(ScaleSet.objects.filter(is_due).order_by("reconcile_at").values_list("pk", flat=True))
    if ids:
        with transaction.atomic():
            locked = locked_in_order(ScaleSet.objects.filter(is_due, pk__in=ids))
            ScaleSet.objects.filter(pk__in=locked).update(reconcile_at=now + LEAVE_OUT_FOR)
    return ids

"""Which scale sets are due to be reconciled: also those whose wake was lost."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from upgrades.core.steps import RESYNC_INTERVAL
from upgrades.models import ScaleSet, clock
from upgrades.models.scale_set import locked_in_order

LEAVE_OUT_FOR = timedelta(
    seconds=3
)  # until then the next ticks leave them out; if reconciling them is lost, they are due again
MAX_AHEAD = 2 * RESYNC_INTERVAL  # `reconcile_at` is never set this far ahead: if it is, the clock was set back


def due_scale_sets(now: datetime) -> list[int]:
    """The ids of the scale sets that are due, the longest due first. Moves their `reconcile_at` on by LEAVE_OUT_FOR."""
    was_set_back = Q(reconciled_at__gt=now + clock.SET_BACK) | Q(reconcile_at__gt=now + MAX_AHEAD)
    has_come = Q(reconcile_at__lte=now) | was_set_back
    ids = list(ScaleSet.objects.filter(has_come).order_by("reconcile_at").values_list("pk", flat=True))
    if ids:
        with transaction.atomic():
            locked = locked_in_order(ScaleSet.objects.filter(has_come, pk__in=ids))
            ScaleSet.objects.filter(pk__in=locked).update(reconcile_at=now + LEAVE_OUT_FOR)
    return ids

"""Which scale sets are to be looked at now. The safety net under every wake that was lost."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from upgrades.core.steps import RESYNC_INTERVAL
from upgrades.models import ScaleSet, clock
from upgrades.models.scale_set import locked_in_order

BUMP = timedelta(seconds=3)  # a second tick does not repeat it; if the look is lost it comes again
FAR = 2 * RESYNC_INTERVAL  # nobody asks for a look this far ahead: then a clock was set back


def due_scale_sets(now: datetime) -> list[int]:
    """The scale sets whose time has come; theirs is moved on a little in the same breath."""
    was_set_back = Q(reconciled_at__gt=now + clock.SET_BACK) | Q(reconcile_at__gt=now + FAR)
    has_come = Q(reconcile_at__lte=now) | was_set_back
    ids = list(ScaleSet.objects.filter(has_come).order_by("reconcile_at").values_list("pk", flat=True))
    if ids:
        with transaction.atomic():
            locked = locked_in_order(ScaleSet.objects.filter(has_come, pk__in=ids))
            ScaleSet.objects.filter(pk__in=locked).update(reconcile_at=now + BUMP)
    return ids

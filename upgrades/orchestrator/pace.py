"""How long past batches took."""

from upgrades.core.preview import Pace, pace_of
from upgrades.core.states import UpgradeKind
from upgrades.models import Batch, ScaleSet
from upgrades.models.prepared import Prepared

MAX_BATCHES = 20  # only this many of the last batches count


def pace(row: ScaleSet, kind: UpgradeKind = UpgradeKind.IMAGE) -> Pace | None:
    """How long the last batches of this kind of upgrade took on this scale set; None where no batch was ever finished."""
    times = _TIMES.rows(row.pk, kind.value)
    return pace_of([finished_at - started_at for started_at, finished_at in times if finished_at])


_TIMES = Prepared(
    lambda scale_set, kind: (
        Batch.objects.filter(upgrade__scale_set=scale_set, upgrade__kind=kind)
        .exclude(finished_at=None)
        .order_by("-finished_at")
        .values_list("started_at", "finished_at")[:MAX_BATCHES]
    )
)

"""A worker's memory that is held to the database each time it is asked: what it knows must be what reading everything says."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from uuid import UUID

from upgrades.models import ScaleSet
from upgrades.orchestrator.row_cache import CachedRows, InstanceContext, RowCache, read_all


class CheckedCache(RowCache):
    """`aside`: a context in which statements are not those of the process that is watched."""

    def __init__(self, aside: Callable[[], AbstractContextManager[object]] = nullcontext) -> None:
        super().__init__()
        self._aside = aside

    def rows(self, row: ScaleSet, context: InstanceContext, upgrade: UUID | None) -> CachedRows:
        found = super().rows(row, context, upgrade)
        with self._aside():
            everything = read_all(row, context, upgrade)
            # Where somebody has written meanwhile, either may be newer; what is decided on it is not recorded.
            is_still_so = ScaleSet.objects.filter(pk=row.pk, seq=row.seq).exists()
        if is_still_so:
            assert found.instances == everything.instances
            assert list(found.instances) == list(everything.instances)
            assert found.members == everything.members
            assert list(found.members) == list(everything.members)
        return found

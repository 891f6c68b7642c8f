"""A worker's memory that is held to the database each time it is asked: what it knows must be what reading everything says."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from uuid import UUID

from upgrades.models import ScaleSet
from upgrades.orchestrator.known_rows import Common, Known, KnownRows, read_all


class CheckedKnown(Known):
    """`aside`: a context in which statements are not those of the process that is watched."""

    def __init__(self, aside: Callable[[], AbstractContextManager[object]] = nullcontext) -> None:
        super().__init__()
        self._aside = aside

    def rows(self, row: ScaleSet, common: Common, upgrade: UUID | None) -> KnownRows:
        found = super().rows(row, common, upgrade)
        with self._aside():
            everything = read_all(row, common, upgrade)
            # Where somebody has written meanwhile, either may be newer; what is decided on it is not recorded.
            is_still_so = ScaleSet.objects.filter(pk=row.pk, seq=row.seq).exists()
        if is_still_so:
            assert found.instances == everything.instances
            assert list(found.instances) == list(everything.instances)
            assert found.members == everything.members
            assert list(found.members) == list(everything.members)
        return found

"""Sizes of machines that clients ask for: how many cores and how much memory they have in Azure. A table of data.

Any other name of a size is taken too; providers decide what their machines are like.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

MAX_DATA_DISKS = 32


@dataclass(frozen=True, slots=True)
class MachineSize:
    name: str
    family: str
    cores: int
    memory_mb: int

    @property
    def max_data_disks(self) -> int:
        return min(2 * self.cores, MAX_DATA_DISKS)


# name with {} for the cores, family, GB of memory for each core, the numbers of cores
_SERIES = (
    ("Standard_D{}_v3", "standardDv3Family", 4, (2, 4, 8, 16, 32, 48, 64)),
    ("Standard_D{}s_v3", "standardDSv3Family", 4, (2, 4, 8, 16, 32, 48, 64)),
    ("Standard_D{}s_v4", "standardDSv4Family", 4, (2, 4, 8, 16, 32, 48, 64)),
    ("Standard_D{}s_v5", "standardDSv5Family", 4, (2, 4, 8, 16, 32, 48, 64, 96)),
    ("Standard_D{}as_v5", "standardDASv5Family", 4, (2, 4, 8, 16, 32, 48, 64, 96)),
    ("Standard_D{}ps_v5", "standardDPSv5Family", 4, (2, 4, 8, 16, 32, 48, 64)),
    ("Standard_E{}s_v3", "standardESv3Family", 8, (2, 4, 8, 16, 20, 32, 48)),
    ("Standard_E{}s_v5", "standardESv5Family", 8, (2, 4, 8, 16, 20, 32, 48, 64)),
    ("Standard_F{}s_v2", "standardFSv2Family", 2, (2, 4, 8, 16, 32, 48, 64, 72)),
)
_SINGLE = (
    ("Standard_A0", "standardA0_A7Family", 1, 768),
    ("Standard_A1", "standardA0_A7Family", 1, 1_792),
    ("Standard_A2", "standardA0_A7Family", 2, 3_584),
    ("Standard_A1_v2", "standardAv2Family", 1, 2_048),
    ("Standard_A2_v2", "standardAv2Family", 2, 4_096),
    ("Standard_A4_v2", "standardAv2Family", 4, 8_192),
    ("Standard_B1s", "standardBSFamily", 1, 1_024),
    ("Standard_B1ms", "standardBSFamily", 1, 2_048),
    ("Standard_B2s", "standardBSFamily", 2, 4_096),
    ("Standard_B2ms", "standardBSFamily", 2, 8_192),
    ("Standard_B4ms", "standardBSFamily", 4, 16_384),
    ("Standard_D1_v2", "standardDv2Family", 1, 3_584),
    ("Standard_D2_v2", "standardDv2Family", 2, 7_168),
    ("Standard_D3_v2", "standardDv2Family", 4, 14_336),
    ("Standard_D4_v2", "standardDv2Family", 8, 28_672),
    ("Standard_DS1_v2", "standardDSv2Family", 1, 3_584),
    ("Standard_DS2_v2", "standardDSv2Family", 2, 7_168),
    ("Standard_DS3_v2", "standardDSv2Family", 4, 14_336),
    ("Standard_DS4_v2", "standardDSv2Family", 8, 28_672),
    ("Standard_DS5_v2", "standardDSv2Family", 16, 57_344),
    ("Standard_F1s", "standardFSFamily", 1, 2_048),
    ("Standard_F2s", "standardFSFamily", 2, 4_096),
    ("Standard_F4s", "standardFSFamily", 4, 8_192),
)


def _all() -> Iterator[MachineSize]:
    for single in _SINGLE:
        yield MachineSize(*single)
    for name, family, gigabytes, several in _SERIES:
        for cores in several:
            yield MachineSize(name.format(cores), family, cores, int(cores * gigabytes * 1024))


@cache
def machine_sizes() -> Mapping[str, MachineSize]:
    """All that are known, by name in lower case."""
    return {size.name.lower(): size for size in _all()}


def cores_of(name: object) -> int | None:
    """None for a size that is not known.

    >>> cores_of("standard_d4s_v3"), cores_of("Mine")
    (4, None)
    """
    size = machine_sizes().get(str(name).lower())
    return size.cores if size else None

"""The availability zones of a scale set's machines."""

import re

from upgrades.core.equality import same
from upgrades.core.json_fields import Json, get_field, read_list, wrong_value
from upgrades.core.typed import as_text

_ZONE = re.compile("[0-9]{1,3}")


def zones_of(document: Json) -> list[str]:
    """The zones that a scale set's document names, such as ["1", "2", "3"]; [] for none."""
    return [str(as_text(zone)) for zone in read_list(document, "zones")]


def check_zones(document: Json, before: Json | None) -> None:
    """Raises BadDocument unless each zone is a number. `before`: the stored document, whose zones may stay."""
    if before is not None and same(get_field(document, "zones"), get_field(before, "zones")):
        return
    for index, zone in enumerate(read_list(document, "zones")):
        if isinstance(zone, bool) or not _ZONE.fullmatch(str(as_text(zone))):
            raise wrong_value(f"zones[{index}]", 'the number of a zone as a string, such as "1"', zone)


def zone_of(zones: list[str], number: int) -> str:
    """The zone of instance `number`: instances take the zones of their scale set in turn. "" where it names no zone.

    >>> [zone_of(["1", "2", "3"], number) for number in range(4)]
    ['1', '2', '3', '1']
    """
    return zones[number % len(zones)] if zones else ""

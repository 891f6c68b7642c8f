"""Which availability zone a machine stands in."""

from upgrades.core.members import Json, list_at


def zones_of(document: Json) -> list[str]:
    """The zones that a scale set's document names: ["1", "2", "3"], or none."""
    return [str(zone) for zone in list_at(document, "zones")]


def zone_of(zones: list[str], number: int) -> str:
    """Instances are spread over the zones of their scale set in turn; "" where it names none.

    >>> [zone_of(["1", "2", "3"], number) for number in range(4)]
    ['1', '2', '3', '1']
    """
    return zones[number % len(zones)] if zones else ""

"""Fleets on which a version fails, again and again."""

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from upgrades.commands.steering import retry_now

OLD, BAD, MENDED = "0.0.1", "16.04.1", "16.04.2"


def to_its_end(fleet: Fleet) -> None:
    """The attempt that is due, with the five minutes of each batch that does not get well."""
    fleet.go_on()
    for _ in range(20):
        if fleet.upgrade.ended_at:
            return
        fleet.later(minutes=5)
        fleet.go_on()
    raise AssertionError(f"it does not end: {fleet.row.decision}")


def attempts(fleet: Fleet, count: int) -> None:
    """So many attempts at the newest version, the first of which is due; a person has each next one come at once."""
    for number in range(count):
        if number:
            retry_now(fleet.path, "ada", fleet.now)
        to_its_end(fleet)


def bad_for_all(make_fleet: MakeFleet, instances: int, tried: int = 3) -> Fleet:
    fleet = make_fleet(instances, **{"bad-versions": BAD})
    fleet.go_on()
    fleet.publish(BAD)
    attempts(fleet, tried)
    return fleet


def quarantined(fleet: Fleet) -> list[int]:
    return [row.number for row in fleet.instances if row.quarantined_at]


def versions(fleet: Fleet) -> set[str]:
    return {row.version for row in fleet.instances}

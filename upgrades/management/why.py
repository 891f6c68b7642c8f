"""Why a scale set is not moving, as lines of text: every reason of its last decision, and the command that would lift it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from shlex import quote
from typing import Any

from upgrades.core.catalogue import say, text_of
from upgrades.core.ranges import ranges
from upgrades.core.steps import Why
from upgrades.installation import PROGRAM
from upgrades.management.overdue import text_of_reason
from upgrades.management.text import moment
from upgrades.models import ScaleSet
from upgrades.models.fleet_stop import fleet_stop_in_force

MAX_IDS = 8  # written out in a command
COMMANDS = {  # by a reason's `act`
    "approve": "approve {path}",
    "change_policy": "put_scale_set {path} FILE.json",
    "end_fleet_stop": "end_fleet_stop",
    "next_batch_now": "next_batch {path}",
    "opt_in": "opt_in {path} {ids}",
    "publish_image": "publish_image {image} VERSION",
    "release": "release {path} {ids}",
    "resume": "resume {path}",
    "retry_failed": "start {path} --only-failed",
    "retry_now": "retry {path}",
    "start": "start {path}",
    "start_unhealthy_first": "start {path} --unhealthy-first",
}


def fleet(now: datetime) -> list[str]:
    """Who stopped the fleet, where somebody did."""
    stop = fleet_stop_in_force(now)
    if stop is None:
        return []
    said = say(Why.FLEET_STOPPED, owner=stop.owner, reason=stop.reason, until=stop.until)
    return [said, f"They go on with: {PROGRAM} end_fleet_stop", ""]


def of(row: ScaleSet, now: datetime) -> list[str]:
    """Two lines for each reason, the weightiest first."""
    return [line for reason in row.decision.get("reasons", ()) for line in _reason(row, reason, now)]


def _reason(row: ScaleSet, reason: Mapping[str, Any], now: datetime) -> Iterator[str]:
    yield f"  why        {text_of_reason(reason, now)}"
    yield f"             {'; '.join(_details(row, reason))}"


def _details(row: ScaleSet, reason: Mapping[str, Any]) -> Iterator[str]:
    if reason["instances"]:
        yield f"instances {ranges(map(int, reason['instances']))}"
    if reason["since"]:
        yield f"since {moment(reason['since'])}"
    if reason["until"]:
        yield f"until {moment(reason['until'])}"
    who = text_of(f"lifted_by.{reason['who']}")
    command = _command(row, reason["act"], reason["instances"] or ())
    yield f"lifted by {who}{command and ': ' + command}" if who else "no action needed"


def _command(row: ScaleSet, act: str, instances: Sequence[str]) -> str:
    if act not in COMMANDS:
        return ""
    ids = " ".join(instances) if len(instances) <= MAX_IDS else "ID ..."
    image = " ".join(map(quote, (row.sku.publisher, row.sku.offer, row.sku.sku)))
    return f"{PROGRAM} " + COMMANDS[act].format(path=quote(str(row)), ids=ids, image=image)

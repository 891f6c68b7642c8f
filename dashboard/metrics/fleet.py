"""The fleet's state, read from the database at each scrape. Counts and states are those of the boards and are not computed again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count
from prometheus_client import Metric

from dashboard.metrics.series import Gauge, Series, labels_of
from upgrades.core.instance_states import InstanceState
from upgrades.core.ranges import count_in
from upgrades.core.states import UpgradeStatus
from upgrades.models import ImageVersion, Instance, Location, RollingUpgrade, ScaleSet, WorkItem
from upgrades.models.fleet_stop import fleet_stop_in_force

SET = "scale_set"
# Where an upgrade is: the steps of its board, one that was not reconciled yet, and one that rolls back.
PHASES = ("starting", "gate", "choose", "replace", "wait", "rolling-back")
MAX_LOCATIONS = 200

SCALE_SETS = Gauge("scale_sets", "Scale sets.")
INSTANCES = Gauge("instances", "Instances of a scale set, by the state that its board shows.", (SET, "state"))
BEHIND = Gauge("instances_behind", "Instances that are not opted out and are not on the wanted version.", (SET,))
UNHEALTHY = Gauge("unhealthy_instances", "Unhealthy instances, as the gate counts them before a batch.", (SET,))
UNHEALTHY_ALLOWED = Gauge(
    "unhealthy_instances_allowed", "How many instances may be unhealthy before batches wait.", (SET,)
)
OVER_LIMIT = Gauge(
    "unhealthy_over_limit", "1 where more instances are unhealthy than may be, otherwise 0.", (SET,), max
)
UPGRADES = Gauge("upgrades_running", "Rolling upgrades that run, by where they are.", ("phase",))
STEP_AGE = Gauge(
    "upgrade_step_age_seconds", "How long a running upgrade has been at its present step.", (SET, "phase"), max
)
UPGRADE_AGE = Gauge("upgrade_age_seconds", "How long the running upgrade of a scale set has been running.", (SET,), max)
PROGRESS = Gauge(
    "upgrade_progress_ratio", "Share of instances that are up to date, while an upgrade runs.", (SET,), min
)
HELD = Gauge(
    "reason_held_seconds", "How long something of a scale set has been waiting, by the reason.", (SET, "reason"), max
)
PATIENCE = Gauge(
    "reason_needs_person_after_seconds",
    "After how long a wait a person has to act, by the reason.",
    (SET, "reason"),
    min,
)
IMAGE_AGE = Gauge(
    "wanted_image_age_seconds", "How long ago the version was published that a scale set should have.", (SET,), max
)
OLDEST_IMAGE_AGE = Gauge(
    "oldest_running_image_age_seconds",
    "How long ago the oldest version was published that an instance runs.",
    (SET,),
    max,
)
HEALTH_AGE = Gauge("health_age_seconds", "How old the known health of a scale set's instances is.", (SET,), max)
QUEUE = Gauge("reconcile_queue_length", "Scale sets that are due to be reconciled and were not yet.")
QUEUE_AGE = Gauge(
    "reconcile_queue_age_seconds", "How long the scale set has been due that waits longest; 0 where none waits."
)
WORK_ITEMS = Gauge("work_items", "Work items that are under way or wait for a worker.")
LOCATION_UP = Gauge(
    "location_up", "1 where a location's provider answers, 0 where it does not.", ("location", "provider"), min
)
FLEET_STOPPED = Gauge("fleet_stopped", "1 while all automatic upgrades are stopped, otherwise 0.")

GAUGES = (
    *(SCALE_SETS, INSTANCES, BEHIND, UNHEALTHY, UNHEALTHY_ALLOWED, OVER_LIMIT),
    *(UPGRADES, STEP_AGE, UPGRADE_AGE, PROGRESS, HELD, PATIENCE, IMAGE_AGE, OLDEST_IMAGE_AGE, HEALTH_AGE),
    *(QUEUE, QUEUE_AGE, WORK_ITEMS, LOCATION_UP, FLEET_STOPPED),
)
_COLUMNS = ("pk", "key", "sku_id", "decision", "reconcile_at", "lease_until", "probed_at", "board_row__body")


@dataclass(frozen=True, slots=True)
class _Row:
    """A scale set, as far as metrics are made of it, with its label."""

    pk: int
    key: str
    sku: int
    decision: Mapping[str, Any]
    reconcile_at: datetime
    lease_until: datetime | None
    probed_at: datetime | None
    board: Mapping[str, Any] | None
    label: str


def families(now: datetime) -> Iterator[Metric]:
    """All gauges of the fleet, in a handful of queries however many scale sets there are."""
    series = Series(GAUGES)
    rows = _rows()
    for row in rows:
        if row.board:
            _add_board(series, row, row.board)
        _add_reasons(series, row, now)
        if row.probed_at:
            series.set(HEALTH_AGE, _age(row.probed_at, now), row.label)
    _add_upgrades(series, {row.pk: row for row in rows}, now)
    _add_image_ages(series, rows, now)
    _add_queue(series, rows, now)
    _add_locations(series)
    series.set(SCALE_SETS, len(rows))
    series.set(FLEET_STOPPED, fleet_stop_in_force(now) is not None)
    return series.families()


def _rows() -> list[_Row]:
    found: list[Any] = list(ScaleSet.objects.order_by("pk").values_list(*_COLUMNS))
    labels = labels_of([columns[1] for columns in found])
    return [_Row(*columns) for columns in ((*columns, labels[columns[1]]) for columns in found)]


def _add_board(series: Series, row: _Row, board: Mapping[str, Any]) -> None:
    for state in InstanceState:
        series.set(INSTANCES, count_in(board["states"].get(state.value, "")), row.label, state.value)
    counts, unhealthy = board["counts"], board["unhealthy"]
    series.set(BEHIND, counts["eligible"] - counts["current"], row.label)
    series.set(UNHEALTHY, unhealthy["count"], row.label)
    series.set(UNHEALTHY_ALLOWED, unhealthy["most"], row.label)
    series.set(OVER_LIMIT, bool(unhealthy["over"]), row.label)


def _add_reasons(series: Series, row: _Row, now: datetime) -> None:
    for reason in row.decision.get("reasons", ()):
        since = datetime.fromisoformat(reason["since"])
        series.set(HELD, _age(since, now), row.label, reason["code"])
        if reason["needs_person_after"] is not None:
            series.set(PATIENCE, reason["needs_person_after"], row.label, reason["code"])


def _add_upgrades(series: Series, rows: Mapping[int, _Row], now: datetime) -> None:
    for phase in PHASES:
        series.set(UPGRADES, 0, phase)
    running = (
        RollingUpgrade.objects.filter(ended_at=None).order_by().values_list("scale_set_id", "status", "started_at")
    )
    for pk, status, started_at in running:
        if pk not in rows:
            continue
        row, board = rows[pk], rows[pk].board or {}
        position = board.get("batch")
        phase = position["step"] if position else "starting"
        if status == UpgradeStatus.ROLLING_BACK:
            phase = "rolling-back"
        series.set(UPGRADES, 1, phase)
        series.set(UPGRADE_AGE, _age(started_at, now), row.label)
        if position:
            series.set(STEP_AGE, _age(datetime.fromisoformat(position["since"]), now), row.label, phase)
        if board and board["progress"]["of"]:
            series.set(PROGRESS, board["progress"]["up_to_date"] / board["progress"]["of"], row.label)


def _add_image_ages(series: Series, rows: list[_Row], now: datetime) -> None:
    published = {
        (sku, version): at
        for sku, version, at in ImageVersion.objects.order_by().values_list("sku_id", "version", "published_at")
    }
    oldest: dict[int, datetime] = {}
    by_pk = {row.pk: row for row in rows}
    counted = Instance.objects.order_by().values("scale_set_id", "version").annotate(number=Count("pk"))
    for found in counted:
        row = by_pk.get(found["scale_set_id"])
        if row and (at := published.get((row.sku, found["version"]))):
            oldest[row.pk] = min(at, oldest.get(row.pk, at))
    for row in rows:
        if row.board and (at := published.get((row.sku, row.board["target"]))):
            series.set(IMAGE_AGE, _age(at, now), row.label)
        if row.pk in oldest:
            series.set(OLDEST_IMAGE_AGE, _age(oldest[row.pk], now), row.label)


def _add_queue(series: Series, rows: list[_Row], now: datetime) -> None:
    due = [
        row.reconcile_at for row in rows if row.reconcile_at <= now and not (row.lease_until and row.lease_until > now)
    ]
    series.set(QUEUE, len(due))
    series.set(QUEUE_AGE, _age(min(due), now) if due else 0)
    series.set(WORK_ITEMS, WorkItem.objects.count())


def _add_locations(series: Series) -> None:
    """Those that scale sets use."""
    used = Location.objects.filter(scaleset__isnull=False).distinct().order_by("pk")
    for number, (name, provider, error) in enumerate(used.values_list("name", "provider", "provider_error")):
        series.set(LOCATION_UP, not error, name if number < MAX_LOCATIONS else "other", provider)


def _age(since: datetime, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds())

"""What is forgotten, and when; and what stays, however old it is."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db.models import Model
from django.test.utils import CaptureQueriesContext

from tests.stories import NOW, a_batch, a_scale_set, nothing_changes
from upgrades import retention, tasks
from upgrades.commands import async_operations, audit
from upgrades.commands.fleet_stops import stop_fleet
from upgrades.commands.opt_outs import opt_out
from upgrades.core.auditing import ObjectKind as Of
from upgrades.core.facts import ImageReference
from upgrades.core.states import InstanceUpgradeState, StartedBy, UpgradeKind, UpgradeStatus
from upgrades.models import (
    AsyncOperation,
    AuditEntry,
    Event,
    FleetStop,
    Instance,
    InstanceUpgrade,
    OptOut,
    RollingUpgrade,
    ScaleSet,
    Transition,
)
from upgrades.models.async_operation import RequestKind, Status

pytestmark = pytest.mark.django_db

AGES = (0, 1, 6, 8, 20, 100, 399, 401, 1_000)  # days
KEPT = [age for age in AGES if age < 400]


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def purged() -> None:
    while retention.purge(NOW):
        pass


def ages(rows: Any, field: str) -> list[int]:
    return sorted({(NOW - at).days for at in rows.values_list(field, flat=True) if at is not None})


@pytest.fixture
def row() -> ScaleSet:
    """One of which something was written two days ago."""
    made = a_scale_set(now=ago(0))
    Transition.objects.create(scale_set=made, seq=0, at=ago(2), state="upgrading")
    return made


# --- rows of many ages ------------------------------------------------------------------------------------------------


def _transitions(row: ScaleSet) -> tuple[type[Model], str]:
    Transition.objects.all().delete()
    other = a_scale_set("other", instances=1, now=ago(0))
    Transition.objects.bulk_create(
        Transition(scale_set=scale_set, seq=age, at=ago(age), state="upgrading")
        for age in AGES
        for scale_set in (row, other)
    )
    return Transition, "at"


def _audit_entries(row: ScaleSet) -> tuple[type[Model], str]:
    for age in AGES:
        audit.write_entry("Tried", Of.FLEET, "", "Tried.", now=ago(age))
    return AuditEntry, "at"


def _opt_outs(row: ScaleSet) -> tuple[type[Model], str]:
    instance = row.instances.all()[0]
    OptOut.objects.bulk_create(
        OptOut(instance=instance, owner="x", reason="x", created_at=ago(2_000), ended_at=ago(age)) for age in AGES
    )
    return OptOut, "ended_at"


def _fleet_stops(row: ScaleSet) -> tuple[type[Model], str]:
    FleetStop.objects.bulk_create(
        FleetStop(owner="x", reason="x", created_at=ago(2_000), ended_at=ago(age)) for age in AGES
    )
    return FleetStop, "ended_at"


def _admin_log(row: ScaleSet) -> tuple[type[Model], str]:
    who, kind = User.objects.create(username="ada"), ContentType.objects.get_for_model(User)
    for age in AGES:
        LogEntry.objects.create(user=who, content_type=kind, action_flag=2, action_time=ago(age))
    return LogEntry, "action_time"


@pytest.mark.parametrize("make", [_transitions, _audit_entries, _opt_outs, _fleet_stops, _admin_log])
def test_history_is_kept_for_as_long_as_the_setting_says(
    make: Callable[[ScaleSet], tuple[type[Model], str]], row: ScaleSet, settings: LazySettings
) -> None:
    model, field = make(row)
    purged()
    assert ages(model._base_manager, field) == KEPT
    settings.KEEP_HISTORY_DAYS = 7
    purged()
    assert ages(model._base_manager, field) == [0, 1, 6]
    with nothing_changes():
        purged()


@pytest.mark.parametrize("jump", [timedelta(days=401), timedelta(days=10_000)])
def test_a_clock_that_jumps_far_ahead_makes_no_history_forgotten(row: ScaleSet, jump: timedelta) -> None:
    """For a day from the jump on: then it is the time."""
    before = AuditEntry.objects.count()
    while retention.purge(NOW + jump):
        pass
    audit.write_entry("Tried", Of.FLEET, "", "By the clock that jumped.", now=NOW + jump)
    while retention.purge(NOW + jump + timedelta(hours=23)):
        pass
    assert AuditEntry.objects.count() == before + 1 > 1 and Transition.objects.filter(at=ago(2)).exists()
    while retention.purge(NOW + jump + timedelta(hours=25)):
        pass
    assert [entry.says for entry in AuditEntry.objects.all()] == ["By the clock that jumped."]


def test_events_are_kept_for_a_day(row: ScaleSet) -> None:
    Event.objects.all().delete()
    hours = (0, 12, 23, 25, 48, 24 * 500)
    Event.objects.bulk_create(
        Event(scale_set=row, seq=1_000 - at, at=NOW - timedelta(hours=at), body={}) for at in hours[:5]
    )
    purged()
    assert sorted(Event.objects.values_list("seq", flat=True)) == [977, 988, 1000]


def test_sessions_that_ended_go() -> None:
    for name, end in (("gone", ago(0.01)), ("there", NOW + timedelta(hours=1))):
        Session.objects.create(session_key=name, session_data="", expire_date=end)
    purged()
    assert list(Session.objects.values_list("session_key", flat=True)) == ["there"]


# --- what stays, however old it is ------------------------------------------------------------------------------------


def an_upgrade(
    row: ScaleSet, began: datetime, *, days: float | None = 1, kind: str = UpgradeKind.IMAGE
) -> RollingUpgrade:
    """An upgrade with a batch of two instances; `days` None: it runs."""
    image = ImageReference("Canonical", "UbuntuServer", "16.04-LTS", "16.04.1")
    upgrade = RollingUpgrade.begin(
        row, image, StartedBy.PLATFORM, began, policy=row.policy, lasts_at_most=timedelta(days=7)
    )
    ended = None if days is None else began + timedelta(days=days)
    status = UpgradeStatus.COMPLETED if ended else UpgradeStatus.ROLLING_FORWARD
    RollingUpgrade.objects.filter(pk=upgrade.pk).update(ended_at=ended, status=status, kind=kind, pending_at_end=0)
    a_batch(upgrade, {0: InstanceUpgradeState.SUCCEEDED, 1: InstanceUpgradeState.SUCCEEDED}, now=began, finished=True)
    return upgrade


def test_the_last_attempts_of_each_scale_set_stay(row: ScaleSet) -> None:
    other = a_scale_set("other", now=ago(0))
    old = [an_upgrade(row, ago(2_000 - number)) for number in range(30)]
    few = [an_upgrade(other, ago(2_000 - number)) for number in range(3)]
    purged()
    assert list(RollingUpgrade.objects.filter(scale_set=other)) == list(reversed(few))
    kept = list(RollingUpgrade.objects.filter(scale_set=row))
    assert kept == list(reversed(old))[: retention.KEEP_UPGRADES]
    assert InstanceUpgrade.objects.filter(upgrade__scale_set=row).count() == 2 * len(kept)


def test_each_kind_of_upgrade_counts_for_itself(row: ScaleSet) -> None:
    first = an_upgrade(row, ago(3_000))
    for number in range(20):
        an_upgrade(row, ago(2_000 - number), kind=UpgradeKind.EXTENSIONS)
    purged()
    assert RollingUpgrade.objects.filter(pk=first.pk).exists()


def test_history_that_an_instance_shows_stays(row: ScaleSet) -> None:
    shown = an_upgrade(row, ago(3_000))
    member = InstanceUpgrade.objects.filter(upgrade=shown, instance_number=0).get()
    for number in range(20):
        an_upgrade(row, ago(2_000 - number))
    Instance.objects.filter(scale_set=row, number=0).update(member=member)
    purged()
    assert RollingUpgrade.objects.filter(pk=shown.pk).exists()
    assert Instance.objects.get(scale_set=row, number=0).member == member


def test_upgrades_that_are_not_so_old_stay(row: ScaleSet) -> None:
    for number in range(30):
        an_upgrade(row, ago(300 - number))
    purged()
    assert RollingUpgrade.objects.count() == 30


def test_a_running_upgrade_stays_however_old(row: ScaleSet) -> None:
    for number in range(20):
        an_upgrade(row, ago(2_000 - number))
    runs = an_upgrade(row, ago(1_500), days=None)
    purged()
    assert RollingUpgrade.objects.filter(pk=runs.pk).exists()


def test_opt_outs_in_force_stay(row: ScaleSet) -> None:
    opt_out("fleet/web", ["1"], reason="x", owner="me", now=ago(2_000), for_ever=True)
    stop_fleet(reason="x", owner="me", now=ago(2_000))
    AuditEntry.objects.all().forget(NOW, 100)
    purged()
    assert OptOut.objects.count() == FleetStop.objects.count() == 1


# --- operations -------------------------------------------------------------------------------------------------------


def an_operation(age: float, *, ended: float | None = None, upgrade: RollingUpgrade | None = None) -> AsyncOperation:
    row = async_operations.begin(RequestKind.UPGRADE, "fleet/web", ago(age), upgrade=upgrade)
    if ended is not None:
        AsyncOperation.objects.filter(pk=row.pk).update(status=Status.SUCCEEDED, ended_at=ago(ended))
    return row


def many_later_ones() -> None:
    """The very last ones stay in any case."""
    AsyncOperation.objects.bulk_create(
        AsyncOperation(
            id=uuid.uuid4(), kind=RequestKind.PUT, key="x", started_at=ago(0), status=Status.SUCCEEDED, ended_at=NOW
        )
        for _ in range(async_operations.MIN_KEPT)
    )


def test_operations_are_forgotten_a_week_after_their_end(row: ScaleSet) -> None:
    rows = {(age, ended): an_operation(age, ended=ended) for age, ended in ((30, 29), (30, 6), (8, 7.5), (6, 5))}
    many_later_ones()
    purged()
    assert {key for key, operation in rows.items() if AsyncOperation.objects.filter(pk=operation.pk).exists()} == {
        (30, 6),
        (6, 5),
    }


def test_an_operation_that_has_not_ended_stays(row: ScaleSet) -> None:
    """An upgrade may take weeks, and so may whoever waits for it."""
    runs = an_operation(60, upgrade=an_upgrade(row, ago(60), days=None))
    many_later_ones()
    purged()
    assert async_operations.store_outcome(AsyncOperation.objects.get(pk=runs.pk), NOW).status == ""


def test_an_unpolled_operation_is_kept_for_a_week_after_it_is_settled(row: ScaleSet) -> None:
    over = an_operation(60, upgrade=an_upgrade(row, ago(60)))
    many_later_ones()
    purged()
    assert AsyncOperation.objects.get(pk=over.pk).status == Status.SUCCEEDED
    while retention.purge(NOW + timedelta(days=8)):
        pass
    assert not AsyncOperation.objects.filter(pk=over.pk).exists()


# --- a little at once -------------------------------------------------------------------------------------------------


def test_purging_is_done_in_small_steps(row: ScaleSet) -> None:
    from django.db import connection

    Event.objects.bulk_create(
        Event(scale_set=row, seq=10_000 + number, at=ago(2), body={}) for number in range(3 * retention.EVENTS_AT_ONCE)
    )
    before = Event.objects.count()
    with CaptureQueriesContext(connection) as queries:
        assert retention.purge(NOW, seconds=0)
    assert Event.objects.count() == before - retention.EVENTS_AT_ONCE
    assert len([query for query in queries if query["sql"].startswith("DELETE")]) == 1


def test_the_task_asks_for_another_call_while_something_is_left(row: ScaleSet, monkeypatch: pytest.MonkeyPatch) -> None:
    Event.objects.bulk_create(
        Event(scale_set=row, seq=10_000 + number, at=ago(2), body={}) for number in range(3 * retention.EVENTS_AT_ONCE)
    )
    asked: list[str] = []
    monkeypatch.setattr(retention, "WORK_SECONDS", 0)
    monkeypatch.setattr(tasks, "send", lambda task, after: asked.append(task.name))
    tasks.purge()
    assert asked == ["upgrades.tasks.purge"]
    while asked:
        asked.clear()
        tasks.purge()
    assert not Event.objects.filter(at__lt=ago(1)).exists()

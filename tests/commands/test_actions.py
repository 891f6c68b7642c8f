"""What the feed says can be done is what the commands do: what is possible is not refused and does something; what is not says why."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from tests.stories import NOW, a_batch, a_scale_set, nothing_changes, publish
from upgrades.commands import policies, steering, upgrades
from upgrades.commands.errors import Refused
from upgrades.commands.fleet_stops import stop_fleet
from upgrades.commands.opt_outs import opt_out
from upgrades.core.actions import Action
from upgrades.core.decide import decide
from upgrades.core.states import Health, InstanceUpgradeState, UpgradeStatus
from upgrades.core.steps import Complete, Fault
from upgrades.models import Instance, OptOut, RollingUpgrade, ScaleSet
from upgrades.orchestrator.observe import observe, possible_actions

pytestmark = pytest.mark.django_db
NEW = "16.04.9"
AT = NOW + timedelta(minutes=1)
ALL = [str(number) for number in range(10)]

COMMANDS: dict[Action, Callable[..., Any]] = {
    Action.START: upgrades.start,
    Action.START_UNHEALTHY_FIRST: partial(upgrades.start, unhealthy_first=True),
    Action.RETRY_FAILED: partial(upgrades.start, only_failed=True),
    Action.EXTENSIONS: upgrades.start_extensions,
    Action.RETRY: steering.retry_now,
    Action.PAUSE: steering.pause,
    Action.RESUME: steering.resume,
    Action.NEXT_BATCH: steering.next_batch_now,
    Action.CANCEL: upgrades.cancel,
    Action.OPT_OUT_OF_UPGRADE: lambda path, by, now: opt_out(
        path, ["9"], reason="x", owner=by, now=now, scope=OptOut.Scope.UPGRADE
    ),
}


def up_to_date() -> None:
    a_scale_set(probe="/health")
    ScaleSet.objects.update(probed_at=AT)


def outdated() -> None:
    up_to_date()
    publish(NEW)


def nothing_published() -> None:
    up_to_date()
    Instance.objects.update(version="")


def all_opted_out() -> None:
    outdated()
    opt_out("fleet/web", ALL, reason="x", owner="bob", now=NOW)


def gate_is_shut() -> None:
    outdated()
    Instance.objects.filter(number__in=(7, 8, 9)).update(health=Health.UNHEALTHY)
    opt_out("fleet/web", ["7", "8", "9"], reason="x", owner="bob", now=NOW)


def could_be_mended() -> None:
    outdated()
    Instance.objects.filter(number__in=(7, 8, 9)).update(health=Health.UNHEALTHY)


def fleet_is_stopped() -> None:
    outdated()
    stop_fleet(reason="x", owner="bob", now=NOW, until=NOW + timedelta(days=1))


def automatic_is_off() -> None:
    outdated()
    policies.change_policy("fleet/web", {"automatic_upgrade": False}, NOW)


def running(*, finished: bool = True, pause: int = 0) -> RollingUpgrade:
    outdated()
    upgrade = upgrades.start("fleet/web", "bob", NOW)
    upgrade.policy["pause_seconds"] = pause
    upgrade.save(update_fields=["policy"])
    a_batch(
        upgrade, {0: InstanceUpgradeState.SUCCEEDED if finished else InstanceUpgradeState.UPGRADING}, finished=finished
    )
    return upgrade


def in_a_batch() -> None:
    running(finished=False)


def in_a_pause() -> None:
    running(pause=600)


def paused() -> None:
    running()
    steering.pause("fleet/web", "bob", NOW)


def cancelling() -> None:
    running(finished=False)
    upgrades.cancel("fleet/web", "bob", NOW)


def stopped(**changes: Any) -> None:
    upgrade = running()
    upgrade.status, upgrade.ended_at, upgrade.pending_at_end = UpgradeStatus.FAULTED, NOW, 9
    for name, value in changes.items():
        setattr(upgrade, name, value)
    upgrade.save()
    Instance.objects.filter(number=1).update(failed_version=NEW)


def stopped_and_paused() -> None:
    stopped(paused_by="bob", paused_at=NOW)


def cancelled() -> None:
    stopped(status=UpgradeStatus.CANCELLED, cancel_requested_by="bob")


SITUATIONS = [
    up_to_date, outdated, nothing_published, all_opted_out, gate_is_shut, could_be_mended, fleet_is_stopped, automatic_is_off,
    in_a_batch, in_a_pause, paused, cancelling, stopped, stopped_and_paused, cancelled,
]  # fmt: skip


def now_possible() -> dict[Action, str]:
    row = ScaleSet.objects.get()
    return possible_actions(row, observe(row.pk, AT).facts, AT)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_an_action_is_possible_exactly_if_its_command_is_not_refused(situation: Callable[[], None]) -> None:
    situation()
    found = now_possible()
    assert set(found) == set(Action)
    for action, command in COMMANDS.items():
        with transaction.atomic():
            try:
                command("fleet/web", "ada", AT)
                is_refused = False
            except Refused:
                is_refused = True
            transaction.set_rollback(True)
        assert not (is_refused and not found[action]), (action, "would be refused")


BEGINNINGS = (Action.START, Action.START_UNHEALTHY_FIRST, Action.RETRY_FAILED, Action.EXTENSIONS)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_an_upgrade_that_can_be_started_does_not_end_at_once(situation: Callable[[], None]) -> None:
    situation()
    for action in BEGINNINGS:
        if now_possible()[action]:
            continue
        with transaction.atomic():
            COMMANDS[action]("fleet/web", "ada", AT)
            step = decide(observe(ScaleSet.objects.get().pk, AT).facts, AT)
            transaction.set_rollback(True)
        assert not isinstance(step, Complete | Fault), (action, step)


@pytest.mark.parametrize(
    ("situation", "action", "why"),
    [
        (up_to_date, Action.START, "All instances run 0.0.1."),
        (all_opted_out, Action.START, "The remaining instances are opted out."),
        (gate_is_shut, Action.START, "3 instances are unhealthy (30 %), limit 20 %: it would stop at once."),
        (fleet_is_stopped, Action.START, ""),
        (in_a_batch, Action.START, "An upgrade to 16.04.9 is running."),
        (stopped_and_paused, Action.START, "Upgrades to 16.04.9 are paused by bob. Resume them first."),
        (could_be_mended, Action.START_UNHEALTHY_FIRST, ""),
        (outdated, Action.START_UNHEALTHY_FIRST, "No unhealthy instance would be upgraded."),
        (up_to_date, Action.RETRY, "Nothing to retry."),
        (stopped, Action.RETRY, ""),
        (cancelled, Action.RETRY, ""),
        (stopped, Action.RETRY_FAILED, ""),
        (outdated, Action.RETRY_FAILED, "No instance failed on 16.04.9."),
        (in_a_pause, Action.NEXT_BATCH, ""),
        (in_a_batch, Action.NEXT_BATCH, "A batch is in progress."),
        (cancelling, Action.CANCEL, "Already requested."),
        (paused, Action.PAUSE, "Already paused by bob."),
        (paused, Action.RESUME, ""),
        (outdated, Action.APPROVE, "Upgrades of this scale set need no approval."),
        (outdated, Action.OPT_OUT_OF_UPGRADE, "No upgrade is running or waiting to be retried."),
        (stopped, Action.OPT_OUT_OF_UPGRADE, ""),
    ],
)
def test_an_impossible_action_has_its_reason(situation: Callable[[], None], action: Action, why: str) -> None:
    situation()
    with nothing_changes():
        assert now_possible()[action] == why

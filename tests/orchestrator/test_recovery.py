"""Any process can die at any line, and any message can be lost or come twice."""

import asyncio
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from tests.providers.conftest import simulator as simulator
from tests.providers.simulator import Simulator
from upgrades.core.facts import ImageReference
from upgrades.core.states import Health, InstanceUpgradeState, StartedBy, UpgradeStatus
from upgrades.core.steps import StartUpgrade
from upgrades.models import Location, ScaleSet, WorkItem, clock
from upgrades.orchestrator import leases, schedule
from upgrades.orchestrator import work as working
from upgrades.orchestrator.beginnings import mark_begun
from upgrades.orchestrator.instance_rows import StaleFacts
from upgrades.orchestrator.leases import LeaseLost
from upgrades.orchestrator.operations import operations_of
from upgrades.orchestrator.reconcile import WorkClaim, reconcile
from upgrades.orchestrator.record import record
from upgrades.orchestrator.work import WORK_LEASE, WorkResult, work
from upgrades.prober import probe_targets, write_back
from upgrades.prober.write_back import Verdict
from upgrades.providers.simulated.client import SimulatedProvider

PAST, FUTURE = -timedelta(seconds=1), timedelta(hours=1)


def lapse(fleet: Fleet, by: timedelta = PAST) -> None:
    """The lease of all work runs out, as it does three seconds after a worker died."""
    WorkItem.objects.filter(scale_set=fleet.id).update(worked_until=clock.in_time(by))


def begin_only(fleet: Fleet, handed: list[WorkClaim]) -> None:
    """A worker that dies right after the provider took its operations."""
    work_item = WorkItem.objects.select_related("scale_set__location", "scale_set__sku").get(pk=handed[0].work_item_id)
    mark_begun(work_item, fleet.now)
    operations = list(operations_of(work_item).values())

    async def begin() -> None:
        provider = SimulatedProvider(fleet.home, {})
        try:
            assert await provider.begin(operations) == {}
        finally:
            await provider.close()

    asyncio.run(begin())


def test_a_lease_has_only_one_holder(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(3)
    lease = leases.take(fleet.id)
    assert lease
    assert leases.take(fleet.id) is None
    assert fleet.reconcile() == []
    leases.give_back(lease)
    again = leases.take(fleet.id)
    assert again and again.number == lease.number + 1


@pytest.mark.parametrize("by", [PAST, FUTURE], ids=["lapsed", "further away than a lease can be: a clock was set back"])
def test_a_lease_of_the_dead_is_taken_over(make_fleet: MakeFleet, by: timedelta) -> None:
    fleet = make_fleet(3)
    dead = leases.take(fleet.id)
    assert dead
    ScaleSet.objects.filter(pk=fleet.id).update(lease_until=clock.in_time(by))
    heir = leases.take(fleet.id)
    assert heir
    with pytest.raises(LeaseLost):
        record(dead, fleet.row.seq, [_any_step(fleet)], fleet.now)
    assert not fleet.row.upgrades.exists()


def test_a_decision_on_old_facts_is_not_recorded(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(3)
    lease = leases.take(fleet.id)
    assert lease
    with pytest.raises(StaleFacts):
        record(lease, fleet.row.seq - 1, [_any_step(fleet)], fleet.now)
    assert not fleet.row.upgrades.exists()


def _any_step(fleet: Fleet) -> StartUpgrade:
    row = ScaleSet.objects.select_related("sku").get(pk=fleet.id)
    return StartUpgrade(ImageReference(row.sku.publisher, row.sku.offer, row.sku.sku, "16.04.9"), StartedBy.PLATFORM)


def test_work_waits_until_its_location_is_mended(upgrading: tuple[Fleet, list[WorkClaim]]) -> None:
    """Its provider's package was removed, or somebody has broken its settings: nothing fails, and it goes on by itself."""
    fleet, handed = upgrading
    Location.objects.update(provider="nobodys")
    assert [work(claim.work_item_id, claim.claim_number, lambda: fleet.now, lambda *_: None) for claim in handed] == [
        WorkResult(fleet.id, None)
    ]
    Location.objects.update(provider="simulated")
    lapse(fleet)
    fleet.work(fleet.reconcile())
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED


def test_a_lost_message_is_handed_out_again(upgrading: tuple[Fleet, list[WorkClaim]]) -> None:
    fleet, lost = upgrading
    ids = [row.operation_id for row in fleet.instances]
    assert fleet.reconcile() == []
    lapse(fleet)
    again = fleet.reconcile()
    assert [(handed.work_item_id, handed.claim_number) for handed in again] == [
        (lost[0].work_item_id, lost[0].claim_number + 1)
    ]
    assert [row.operation_id for row in fleet.instances] == ids
    fleet.work(again)
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED


def test_machines_are_made_though_the_reconcile_that_recorded_them_died(make_fleet: MakeFleet) -> None:
    """A reconcile recorded them and died before it handed the work out; the next one, woken early, found the work still leased."""
    fleet = make_fleet(3)
    assert len(fleet.reconcile()) == 1
    assert fleet.reconcile() == []
    assert fleet.row.reconcile_at - fleet.now <= WORK_LEASE
    lapse(fleet)
    fleet.work(fleet.reconcile())
    assert [instance.version for instance in fleet.instances] == [fleet.instances[0].version] * 3 != [""] * 3


def test_a_scale_set_with_work_is_reconciled_soon_whatever_it_waits_for(
    upgrading: tuple[Fleet, list[WorkClaim]],
) -> None:
    fleet, handed = upgrading
    fleet.work(handed)
    fleet.put(12)
    fleet.reconcile()
    assert fleet.work_items
    assert fleet.row.reconcile_at - fleet.now <= WORK_LEASE


def test_only_the_first_of_two_deliveries_works(upgrading: tuple[Fleet, list[WorkClaim]]) -> None:
    fleet, handed = upgrading
    first = work(handed[0].work_item_id, handed[0].claim_number, lambda: fleet.now, lambda *_: None)
    assert first and first.claim_number is None
    assert work(handed[0].work_item_id, handed[0].claim_number, lambda: fleet.now, lambda *_: None) is None


def test_a_message_that_comes_twice_is_taken_up_once(upgrading: tuple[Fleet, list[WorkClaim]]) -> None:
    """While the first delivery is still at work."""
    _, (handed,) = upgrading
    assert working._take_up(handed.work_item_id, handed.claim_number)
    assert working._take_up(handed.work_item_id, handed.claim_number) is None


def test_a_worker_that_died_after_beginning_did_nothing_twice(upgrading: tuple[Fleet, list[WorkClaim]]) -> None:
    """Killed between "begun" and "recorded done": the same operation ids, so the disks are swapped once."""
    fleet, handed = upgrading
    begin_only(fleet, handed)
    swapped = {id: view.os_disk for id, view in fleet.views().items()}
    assert {row.member.state for row in fleet.instances if row.member} == {InstanceUpgradeState.UPGRADING}
    lapse(fleet)
    fleet.work(fleet.reconcile())
    assert {str(row.number): row.os_disk for row in fleet.instances} == {
        id: view.os_disk for id, view in fleet.views().items()
    }
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED
    assert len(swapped) == 10


def test_an_outcome_that_comes_late_changes_nothing(upgrading: tuple[Fleet, list[WorkClaim]]) -> None:
    """The lease lapsed while the worker was busy; both finish the same work."""
    fleet, handed = upgrading
    lapse(fleet)
    again = fleet.reconcile()
    fleet.work(again)
    seq = fleet.row.seq
    fleet.work(handed)
    assert fleet.row.seq == seq


def test_a_provider_that_is_away_costs_time_only(db: None, simulator: Simulator, settings: Settings) -> None:
    settings.ROLLGRID_HOME = simulator.home
    fleet = Fleet(simulator.home, 5)
    fleet.go_on()
    fleet.publish("16.04.1")
    simulator.kill()
    fleet.work(fleet.reconcile())
    assert fleet.row.decision["code"] == "ReplacingOSDisks"
    simulator.start()
    lapse(fleet)
    fleet.work(fleet.reconcile())
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED


def test_a_provider_that_hangs_costs_time_only(db: None, simulator: Simulator, settings: Settings) -> None:
    settings.ROLLGRID_HOME = simulator.home
    fleet = Fleet(simulator.home, 5)
    fleet.go_on()
    fleet.publish("16.04.1")
    handed = fleet.reconcile()
    simulator.signal(signal.SIGSTOP)
    fleet.work(handed)
    simulator.signal(signal.SIGCONT)
    lapse(fleet)
    fleet.work(fleet.reconcile())
    fleet.go_on()
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED


def test_the_tick_finds_due_scale_sets_and_moves_them_on(make_fleet: MakeFleet) -> None:
    fleet, other = make_fleet(1), make_fleet(1)
    ScaleSet.objects.filter(pk=other.id).update(reconcile_at=fleet.now + timedelta(minutes=1))
    assert schedule.due_scale_sets(fleet.now) == [fleet.id]
    assert schedule.due_scale_sets(fleet.now) == []
    assert schedule.due_scale_sets(fleet.now + schedule.LEAVE_OUT_FOR) == [fleet.id]


def test_a_reconcile_time_absurdly_far_away_is_due(make_fleet: MakeFleet) -> None:
    """The clock was an hour ahead when it was set."""
    fleet = make_fleet(1)
    ScaleSet.objects.filter(pk=fleet.id).update(reconcile_at=fleet.now + schedule.MAX_AHEAD + timedelta(minutes=1))
    assert schedule.due_scale_sets(fleet.now) == [fleet.id]


def test_a_wake_during_a_reconcile_is_not_lost(make_fleet: MakeFleet) -> None:
    """Whoever changes something while another reconciles finds that repeated, or the scale set due at once."""
    fleet = make_fleet(3)
    fleet.go_on()
    fleet.publish("16.04.1")
    assert fleet.row.reconcile_at <= fleet.now
    fleet.reconcile()
    assert fleet.row.reconcile_at > fleet.now
    assert fleet.row.lease_until is None


def test_a_reconcile_overtaken_by_a_change_is_left_to_the_next(make_fleet: MakeFleet) -> None:
    """What changed has mostly asked for a reconcile of its own: to go on at once cost a second reconcile for the same news."""
    fleet = make_fleet(3)
    fleet.go_on()
    (probed, *_) = [probe_targets.read(fleet.id)]
    assert probed
    sick = [Verdict(each, Health.UNHEALTHY, "HTTP 500") for each in probed.instances.values()]
    asked, told = list[str](), list[int]()

    def fall_ill(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if 'FROM "upgrades_board"' in sql and not asked:
            asked.append(sql)
            write_back.write_verdicts(fleet.id, sick, fleet.now)
        return execute(sql, *args)

    before = fleet.row.decision
    with connection.execute_wrapper(fall_ill):
        assert reconcile(fleet.id, lambda: fleet.now, told.append) == []
    assert asked and told == [fleet.id]
    assert fleet.row.decision == before
    assert fleet.row.lease_until is None
    assert fleet.id in schedule.due_scale_sets(fleet.now)
    fleet.reconcile()
    assert fleet.row.board_row.body["unhealthy"]["count"] == 3
    assert fleet.row.reconcile_at > fleet.now


def test_a_reconcile_goes_on_until_it_rests_without_a_wake(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(3)
    fleet.go_on()
    (probed, *_) = [probe_targets.read(fleet.id)]
    assert probed
    sick = [Verdict(each, Health.UNHEALTHY, "HTTP 500") for each in probed.instances.values()]
    asked = list[str]()

    def fall_ill(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if 'FROM "upgrades_board"' in sql and not asked:
            asked.append(sql)
            write_back.write_verdicts(fleet.id, sick, fleet.now)
        return execute(sql, *args)

    with connection.execute_wrapper(fall_ill):
        fleet.reconcile()
    assert asked and fleet.row.board_row.body["unhealthy"]["count"] == 3
    assert fleet.row.reconcile_at > fleet.now

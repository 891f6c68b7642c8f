"""Upgrades of the extensions on a real database and real (simulated) machines: OS disks stay, and nothing passes on old news."""

import asyncio
from datetime import timedelta

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from tests.orchestrator.test_recovery import begin_only, lapse
from tests.stories import health_extension
from upgrades import attempts
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.upgrades import cancel, start_extensions
from upgrades.core.machines import InstanceView
from upgrades.core.progress import Progress
from upgrades.core.states import Health, InstanceUpgradeState, StartedBy, UpgradeKind, UpgradeStatus
from upgrades.models import WorkItem
from upgrades.prober import probe_targets, write_back
from upgrades.prober.write_back import Verdict
from upgrades.providers.simulated.client import SimulatorControl

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
EXTENSIONS = "properties.virtualMachineProfile.extensionProfile.extensions"
KEY = "health 1.0\nscript 2.0"


def with_script(make_fleet: MakeFleet, instances: int = 10, *, failing: str = "") -> Fleet:
    """A fleet at rest whose model got an extension that no machine has."""
    fleet = make_fleet(instances, **({"extension-fails": failing} if failing else {}))
    fleet.go_on()
    script = {"name": "script", "properties": {"publisher": "p", "type": "t", "typeHandlerVersion": "2.0"}}
    fleet.edit({EXTENSIONS: [health_extension("/"), script]})
    fleet.go_on()
    return fleet


def start(fleet: Fleet) -> None:
    start_extensions(fleet.path, "ada", fleet.now)


def disks(views: dict[str, InstanceView]) -> dict[str, tuple[object, ...]]:
    return {id: (view.os_disk, view.version, view.data_disks, view.address) for id, view in views.items()}


def test_all_get_the_models_extensions_and_keep_their_disks(make_fleet: MakeFleet) -> None:
    """A-21: batch by batch; custom data is not run again, and what they had already is not either but where its version changed."""
    fleet = with_script(make_fleet)
    before = fleet.views()
    start(fleet)
    fleet.go_on()
    after = fleet.views()
    assert disks(after) == disks(before)
    assert {row.extensions_key for row in fleet.instances} == {KEY}
    for id, view in after.items():
        assert [run.what for run in view.runs[len(before[id].runs) :]] == ["health", "script"]
        assert view.runs[: len(before[id].runs)] == before[id].runs
    upgrade = fleet.upgrade
    assert (upgrade.kind, upgrade.status) == (UpgradeKind.EXTENSIONS, UpgradeStatus.COMPLETED)
    assert upgrade.progress() == Progress(successful=10, failed=0, in_progress=0, pending=0)
    assert [batch.members.count() for batch in upgrade.batches.all()] == [2] * 5
    assert set(upgrade.members.values_list("old_os_disk", "new_os_disk")) == {("", "")}
    assert attempts.attempts(fleet.row, fleet.now) == []


def test_instances_with_the_extensions_are_not_touched(make_fleet: MakeFleet) -> None:
    fleet = with_script(make_fleet)
    start(fleet)
    fleet.go_on()
    before = fleet.views()
    start(fleet)
    fleet.go_on()
    assert fleet.views() == before
    assert (fleet.upgrade.status, fleet.upgrade.members.count()) == (UpgradeStatus.COMPLETED, 0)


def test_an_opted_out_instance_keeps_its_extensions(make_fleet: MakeFleet) -> None:
    """Also where it was opted out after its batch was recorded."""
    fleet = with_script(make_fleet)
    before = fleet.views()
    opt_out(fleet.path, ["3"], reason="debugging", owner="ada", now=fleet.now)
    start(fleet)
    handed = fleet.reconcile()
    opt_out(fleet.path, ["0"], reason="debugging", owner="ada", now=fleet.now)
    fleet.work(handed)
    fleet.go_on()
    after = fleet.views()
    assert {id for id in after if after[id] == before[id]} == {"0", "3"}
    assert {row.number for row in fleet.instances if row.extensions_key != KEY} == {0, 3}
    assert fleet.upgrade.members.get(instance_number=0).state == InstanceUpgradeState.SKIPPED
    assert fleet.upgrade.status == UpgradeStatus.COMPLETED


def test_a_worker_that_dies_before_it_begins_and_one_that_dies_after_cost_time_only(make_fleet: MakeFleet) -> None:
    fleet = with_script(make_fleet)
    before = fleet.views()
    start(fleet)
    fleet.reconcile()  # recorded and handed out; nobody works
    lapse(fleet)
    begin_only(fleet, fleet.reconcile())  # begun by one that died over it
    lapse(fleet)
    fleet.go_on()
    after = fleet.views()
    assert disks(after) == disks(before)
    assert {tuple(run.what for run in view.runs).count("script") for view in after.values()} == {1}
    assert fleet.upgrade.progress() == Progress(successful=10, failed=0, in_progress=0, pending=0)


def test_health_of_before_the_run_passes_no_batch(make_fleet: MakeFleet) -> None:
    """The OS disk is the same one, so only when the news was gathered can tell."""
    fleet = with_script(make_fleet)
    known = probe_targets.read(fleet.id)
    assert known
    old_news = [Verdict(instance, Health.HEALTHY, "as before") for instance in known.instances.values()]
    start(fleet)
    fleet.now += timedelta(seconds=1)
    fleet.work(fleet.reconcile())
    write_back.write_verdicts(fleet.id, old_news, fleet.now)
    rows = list(fleet.instances)[:2]
    assert {row.health for row in rows} == {Health.INITIALIZING}
    assert {row.member.state for row in rows if row.member} == {InstanceUpgradeState.VERIFYING}
    fleet.reconcile()
    assert fleet.upgrade.progress() == Progress(successful=0, failed=0, in_progress=2, pending=8)


def test_an_extension_that_fails_stops_it_by_the_limit_and_says_nothing_of_the_image(make_fleet: MakeFleet) -> None:
    fleet = with_script(make_fleet, failing="script")
    before = fleet.views()
    start(fleet)
    for _ in range(2):
        fleet.work(fleet.reconcile())
        verdicts_of_extensions(fleet)
    fleet.later(minutes=5)
    fleet.go_on()
    upgrade = fleet.upgrade
    assert upgrade.status == UpgradeStatus.FAULTED
    assert upgrade.error and upgrade.error["code"].startswith("MaxUnhealthyUpgraded")
    assert upgrade.progress() == Progress(successful=0, failed=2, in_progress=0, pending=8)
    assert disks(fleet.views()) == disks(before)
    rows = fleet.instances
    assert {(row.failed_version, row.failures, row.quarantined_at) for row in rows} == {("", 0, None)}
    assert {row.extensions_key for row in rows[:2]} == {"health 1.0"}, "what failed is as good as absent"
    assert attempts.rollbacks_of([upgrade])[upgrade.pk] == attempts.Rollback()
    fleet.publish("16.04.1")
    fleet.reconcile()
    assert (fleet.upgrade.kind, fleet.upgrade.started_by) == (UpgradeKind.IMAGE, StartedBy.PLATFORM)


def verdicts_of_extensions(fleet: Fleet) -> None:
    """What the prober says of machines that answer well, but for an extension."""
    probed = probe_targets.read(fleet.id)
    assert probed
    sick = [each for each in probed.instances.values() if each.failed]
    write_back.write_verdicts(
        fleet.id, [Verdict(each, Health.UNHEALTHY, "extension failed") for each in sick], fleet.now
    )
    write_back.write_probed_at({fleet.id: fleet.now}, fleet.now)


def test_an_operation_that_fails_is_a_failed_instance_and_no_failed_image(make_fleet: MakeFleet) -> None:
    """Its machine is switched off after the batch was recorded: no agent answers."""
    fleet = with_script(make_fleet)
    fleet.change(0, failures=2)
    start(fleet)
    handed = fleet.reconcile()
    switch_off(fleet, "0")
    fleet.work(handed)
    row = fleet.instances[0]
    assert row.member and (row.member.state, row.member.error_code) == (
        InstanceUpgradeState.FAILED,
        "VMAgentStatusCommunicationError",
    )
    assert (row.failed_version, row.failures, row.operation_kind) == ("", 2, "")


def switch_off(fleet: Fleet, instance: str) -> None:
    async def act() -> None:
        control = SimulatorControl(fleet.home)
        await control.act(fleet.path, {"stop": [instance]})
        await control.close()

    asyncio.run(act())


def test_extensions_that_never_end_are_given_up(make_fleet: MakeFleet) -> None:
    fleet = with_script(make_fleet, 5)
    fleet.tags["rollgrid-sim-boot-seconds"] = "3600"
    fleet.edit({"tags": fleet.tags})
    start(fleet)
    handed = fleet.reconcile()
    WorkItem.objects.update(attempts=1200 // 3)
    fleet.work(handed)
    member = fleet.instances[0].member
    assert member and (member.state, member.error_code) == (
        InstanceUpgradeState.FAILED,
        "VMExtensionProvisioningTimeout",
    )
    assert fleet.instances[0].failed_version == ""


def test_an_image_that_is_published_meanwhile_comes_after_it_by_itself(make_fleet: MakeFleet) -> None:
    fleet = with_script(make_fleet)
    start(fleet)
    fleet.work(fleet.reconcile())
    fleet.publish("16.04.1")
    fleet.go_on(60)
    kinds = [row.kind for row in fleet.row.upgrades.order_by("started_at")]
    assert kinds == [UpgradeKind.EXTENSIONS, UpgradeKind.IMAGE]
    assert {(row.version, row.extensions_key) for row in fleet.instances} == {("16.04.1", KEY)}
    assert all([run.what for run in view.runs] == ["customData", "health", "script"] for view in fleet.views().values())


def test_new_instances_come_with_them_and_count_for_nothing(make_fleet: MakeFleet) -> None:
    fleet = with_script(make_fleet, 5)
    start(fleet)
    fleet.work(fleet.reconcile())
    fleet.edit({"sku.capacity": 7})
    fleet.go_on()
    assert len(fleet.instances) == 7
    assert {row.extensions_key for row in fleet.instances} == {KEY}
    assert fleet.upgrade.progress() == Progress(successful=5, failed=0, in_progress=0, pending=0)


def test_cancelling_counts_at_the_end_of_its_batch(make_fleet: MakeFleet) -> None:
    fleet = with_script(make_fleet)
    start(fleet)
    fleet.work(fleet.reconcile())
    cancel(fleet.path, "ada", fleet.now)
    fleet.go_on()
    assert (fleet.upgrade.status, fleet.upgrade.progress().pending) == (UpgradeStatus.CANCELLED, 8)

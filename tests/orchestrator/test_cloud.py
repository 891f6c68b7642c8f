"""The cloud of the model-based test is a provider like any other."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from tests.orchestrator.cloud import BOOT_SECONDS, Cloud
from tests.orchestrator.cloud_provider import CloudProvider
from tests.orchestrator.model.clocks import Clocks
from tests.providers.contract import NEW, OLD, ProviderContract, create, reimage, restore
from tests.providers.extensions import ExtensionsContract
from tests.providers.power import PowerContract
from tests.providers.restores import RestoreContract
from upgrades.core.states import Provisioning
from upgrades.providers.base import Operation, Outcome, Progress, Provider, ScaleSetReference


class TestCloud(ProviderContract, RestoreContract, ExtensionsContract, PowerContract):
    @pytest.fixture
    def cloud(self) -> Cloud:
        return Cloud(Clocks())

    @pytest.fixture
    def make_provider(self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Provider]:
        monkeypatch.setitem(CloudProvider.clouds, "contract", cloud)
        return lambda: CloudProvider(Path(), {"cloud": "contract"})

    @pytest.fixture
    def scale_set(self) -> ScaleSetReference:
        return ScaleSetReference(f"rg/{uuid4().hex[:8]}")

    @pytest.fixture
    def unlucky(self, cloud: Cloud, scale_set: ScaleSetReference) -> ScaleSetReference:
        cloud.faults.failing.add(NEW)
        return scale_set


SET = ScaleSetReference("rg/web")


def test_restores_are_counted_apart_from_reimages() -> None:
    cloud = Cloud(Clocks())
    _do(cloud, create(SET, "0"))
    swap = reimage(SET, "0")
    _do(cloud, swap)
    back = restore(SET, "0", cloud.swaps[0].old_disk)
    _do(cloud, back)
    _do(cloud, restore(SET, "0", cloud.swaps[0].old_disk))
    assert [done.operation for done in cloud.swaps] == [swap.id]
    assert [(restore.operation, restore.old_disk, restore.new_disk) for restore in cloud.restores] == [
        (back.id, cloud.swaps[0].new_disk, cloud.swaps[0].old_disk)
    ]


def test_a_failed_restore_can_be_requested_again() -> None:
    cloud = Cloud(Clocks())
    _do(cloud, create(SET, "0"))
    _do(cloud, reimage(SET, "0"))
    old, new = cloud.swaps[0].old_disk, cloud.swaps[0].new_disk
    cloud.faults.unrestorable.add(OLD)
    assert _do(cloud, restore(SET, "0", old)).code == "OSProvisioningClientError"
    machine = cloud.machines[SET.key, "0"]
    assert (machine.os_disk, machine.provisioning, cloud.restores) == (new, Provisioning.FAILED, [])
    cloud.faults.unrestorable.clear()
    assert _do(cloud, restore(SET, "0", old)).progress is Progress.SUCCEEDED
    assert cloud.machines[SET.key, "0"].os_disk == old


def test_a_machine_that_vanishes_in_the_middle_of_its_restore_is_not_found() -> None:
    cloud = Cloud(Clocks())
    _do(cloud, create(SET, "0"))
    _do(cloud, reimage(SET, "0"))
    back = restore(SET, "0", cloud.swaps[0].old_disk)
    assert cloud.begin([back]) == {}
    cloud.vanish((SET.key, "0"))
    assert cloud.poll([back.id], 0)[back.id].code == "InstanceNotFound"
    assert cloud.restores == []


def test_a_restore_that_the_cloud_forgets_can_be_begun_again() -> None:
    cloud = Cloud(Clocks())
    cloud.faults.dead.add(NEW)
    _do(cloud, create(SET, "0"))
    _do(cloud, reimage(SET, "0"))
    back = restore(SET, "0", cloud.swaps[0].old_disk)
    assert cloud.begin([back]) == {}
    cloud.forget_job((SET.key, "0"))
    assert cloud.poll([back.id], 0)[back.id].progress is Progress.UNKNOWN
    assert cloud.machines[SET.key, "0"].provisioning is Provisioning.CREATING
    assert _do(cloud, back).progress is Progress.SUCCEEDED
    assert len(cloud.restores) == 1


def _do(cloud: Cloud, operation: Operation) -> Outcome:
    assert cloud.begin([operation]) == {}
    return cloud.poll([operation.id], 2 * BOOT_SECONDS)[operation.id]


def test_a_half_made_machine_is_created_anew() -> None:
    cloud = Cloud(Clocks())
    first, again = create(SET, "0"), create(SET, "0")
    assert cloud.begin([first]) == {}
    left = cloud.machines[SET.key, "0"].os_disk
    cloud.jobs[first.id].outcome = Outcome(Progress.FAILED)
    _do(cloud, again)
    assert cloud.machines[SET.key, "0"].os_disk != left
    assert cloud.begin([third := create(SET, "0")])[third.id].code == "InstanceExists"

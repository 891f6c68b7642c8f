"""Which model each instance was last made from, on a real database and real (simulated) machines."""

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from tests.stories import edited
from upgrades.commands.manual_upgrades import upgrade_instances
from upgrades.commands.scale_sets import set_model
from upgrades.core.model_parts import ModelPart, lacking
from upgrades.core.states import InstanceUpgradeState

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
SIZE, EXTENSIONS = "sku.name", "properties.virtualMachineProfile.extensionProfile.extensions"


def lacks(fleet: Fleet) -> list[set[ModelPart]]:
    wanted = fleet.row.wanted_model()
    return [set(lacking(wanted, row.applied_model)) for row in fleet.instances]


def with_script(fleet: Fleet) -> list[object]:
    script = {"name": "script", "properties": {"publisher": "p", "type": "t", "typeHandlerVersion": "2.0"}}
    extensions = fleet.row.document["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"]
    return [*extensions, script]


def test_new_machines_have_the_model_and_an_upgrade_brings_it(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(3)
    fleet.go_on()
    assert lacks(fleet) == [set()] * 3
    fleet.edit({SIZE: "Standard_D4s_v3"})
    fleet.go_on()
    assert lacks(fleet) == [{ModelPart.SIZE}] * 3, "a change of the model alone changes no machine"
    fleet.put(4)
    fleet.edit({SIZE: "Standard_D4s_v3"})
    fleet.go_on()
    assert lacks(fleet) == [{ModelPart.SIZE}] * 3 + [set()]
    fleet.publish("16.04.201809250")
    fleet.go_on()
    assert lacks(fleet) == [set()] * 4


def test_an_old_os_disk_brings_its_model_back(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(2)
    fleet.go_on()
    fleet.edit({SIZE: "Standard_D4s_v3"})
    fleet.go_on()
    fleet.sick = {0}
    fleet.publish("16.04.201809250")
    for _ in range(30):
        if any(row.member and row.member.state == InstanceUpgradeState.ROLLED_BACK for row in fleet.instances):
            break
        fleet.go_on()
        fleet.later(minutes=5, seconds=1)
    states = {row.number: row.member.state for row in fleet.instances if row.member}
    assert states[0] == InstanceUpgradeState.ROLLED_BACK, states
    assert lacks(fleet)[0] == {ModelPart.SIZE}


def test_a_model_that_changes_while_machines_are_made(make_fleet: MakeFleet) -> None:
    """Whether they were made with the new one cannot be known, so it does not count as theirs."""
    fleet = make_fleet(2)
    claims = fleet.reconcile()
    body = edited(fleet.row.document, EXTENSIONS, with_script(fleet))
    set_model(fleet.path, edited(body, SIZE, "Standard_D4s_v3"), fleet.now)
    fleet.work(claims)
    fleet.go_on()
    assert lacks(fleet) == [{ModelPart.SIZE, ModelPart.EXTENSIONS}] * 2
    assert all(row.steady_parts == {} for row in fleet.instances)


def test_a_machine_that_is_gone_is_made_from_the_model(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(1)
    fleet.go_on()
    fleet.edit({SIZE: "Standard_D4s_v3"})
    (row,) = fleet.instances
    row.note_gone(fleet.now)
    row.save()
    assert lacks(fleet) == [set()], "there is none that could lack anything"
    assert row.model_parts == {}


def test_machines_are_brought_to_the_model_by_hand(make_fleet: MakeFleet) -> None:
    """A-21, Z-4.2: each by what it needs, a new OS disk or a run of the extensions; the others stay as they are."""
    fleet = make_fleet(3)
    fleet.go_on()
    first = fleet.views()
    fleet.edit({SIZE: "Standard_D4s_v3"})
    upgrade_instances(fleet.path, ["0", "1"], by="ada", now=fleet.now)
    fleet.go_on()
    second = fleet.views()
    assert lacks(fleet) == [set(), set(), {ModelPart.SIZE}]
    assert [id for id in second if second[id].os_disk != first[id].os_disk] == ["0", "1"]
    assert {view.version for view in second.values()} == {view.version for view in first.values()}
    fleet.edit({EXTENSIONS: with_script(fleet)})
    upgrade_instances(fleet.path, None, by="ada", now=fleet.now)
    assert [row.operation_kind for row in fleet.instances] == ["extensions", "extensions", "reimage"]
    fleet.go_on()
    assert lacks(fleet) == [set()] * 3
    assert [id for id, view in fleet.views().items() if view.os_disk != second[id].os_disk] == ["2"]
    assert {view.is_healthy for view in fleet.views().values()} == {True}

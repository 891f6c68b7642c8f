"""How everything must be when it has come to rest, and people hold nothing back any more."""

from tests.orchestrator.cloud import Cloud
from tests.orchestrator.model.rows import Row, Rows, exists, is_off, is_older
from upgrades.core.reason_kinds import ReasonCode
from upgrades.models import ScaleSet

# The code of a decision where nothing can be begun, and that does not pass by itself: none at all, or what holds the instances.
NOTHING_TO_BEGIN = ("NothingToDo", *ReasonCode)


def check_rest(cloud: Cloud, rows: Rows) -> None:
    for row in ScaleSet.objects.all():
        _check_wishes(row, rows)
    assert all(row["ended_at"] for row in rows.upgrades.values()), "an upgrade never ends"
    assert not any(row["status"].startswith("Rolling") for row in rows.upgrades.values())
    assert not rows.work_items, "a work item is left over"
    assert all(instance["ended_at"] for instance in rows.fleet_stops), "a stop of the fleet never ends"
    for instance in rows.instances.values():
        _check_machine(cloud, rows, instance)
    there_are = {rows.name_of(instance) for instance in rows.instances.values()}
    assert cloud.machines.keys() <= there_are, f"machines of nobody: {cloud.machines.keys() - there_are}"


def _check_machine(cloud: Cloud, rows: Rows, instance: Row) -> None:
    assert instance["operation_id"] is None, f"{instance['name']}: {instance['operation_kind']} never ends"
    name = rows.name_of(instance)
    machine = cloud.machines.get(name)
    if machine is None:
        assert instance["missing_since"], f"{name} has no machine, and nobody knows"
        return
    assert instance["missing_since"] is None, f"{name} has a machine, and nobody knows"
    assert instance["os_disk"] == machine.os_disk, f"{name}: row has {instance['os_disk']}, machine {machine.os_disk}"
    assert instance["version"] == machine.version
    there_are = cloud.view(machine).extensions
    has = sorted(f"{each.name} {each.version}" for each in there_are if each.state != "failed")
    assert instance["extensions_key"].split("\n") == (has or [""]), f"{name}: its extensions are {has}"
    markers = [disk["marker"] for disk in instance["data_disks"]]
    assert markers == [disk.marker for disk in machine.data_disks], f"{name}: another data disk"


def _check_wishes(row: ScaleSet, rows: Rows) -> None:
    """As many instances as were asked for; all on the newest version, where nothing speaks against that."""
    code, latest = row.decision.get("code"), row.sku.latest_in(row.location)
    opted_out = {instance["instance_id"] for instance in rows.opt_outs.values()}
    spare = [
        instance["name"]
        for instance in rows.of_set(row.pk)
        if rows.is_spare(instance) and instance["id"] not in opted_out
    ]
    assert not spare, f"{spare} replace nobody, and are left over"
    there_are, wanted = rows.staying(row.pk), 0 if row.deleting else row.capacity
    if code != "NoImagePublished":
        are_stuck = bool(opted_out & {instance["id"] for instance in there_are})
        assert len(there_are) == wanted or (len(there_are) > wanted and are_stuck), f"{len(there_are)} of {wanted}"
        machines = sum(map(exists, there_are))
        assert machines >= wanted or _says_why(row), f"{machines} machines of {wanted}, and nobody says why"
    is_suspected = any(reason["code"] == ReasonCode.SUSPECTED for reason in row.decision.get("reasons", ()))
    if code not in NOTHING_TO_BEGIN or is_suspected or not (latest and row.automatic_upgrade):
        return
    comes_again = _comes_again(rows, row.pk, latest)
    for instance in there_are:
        is_left_alone = instance["id"] in opted_out or is_off(instance) or instance["quarantined_at"]
        is_given_up = instance["failed_version"] == latest and not comes_again
        is_old = not is_left_alone and not is_given_up and is_older(instance["version"], latest)
        assert not is_old, f"{instance['name']} stays on {instance['version']}, the newest is {latest}"


def _says_why(row: ScaleSet) -> bool:
    said = {reason["code"] for reason in row.decision.get("reasons", ())}
    return not said.isdisjoint(("MachinesNotMade", "MachinesGone"))


def _comes_again(rows: Rows, pk: int, latest: str) -> bool:
    """The last attempt was stopped on the way: all of it is tried again."""
    last = next(iter(rows.attempts(pk)), None)
    return last is not None and last["target_version"] == latest and rows.is_stopped_on_the_way(last)

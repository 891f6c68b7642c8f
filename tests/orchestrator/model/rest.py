"""How everything must be when it has come to rest, and people hold nothing back any more."""

from tests.orchestrator.cloud import Cloud
from tests.orchestrator.model.rows import Row, Rows, exists, is_off, is_older
from upgrades.core.waiting import InstanceWhy
from upgrades.models import ScaleSet

# The code of a decision where nothing can be begun, and that does not pass by itself: none at all, or what holds the instances.
NOTHING_TO_BEGIN = ("NothingToDo", *InstanceWhy)


def check_rest(cloud: Cloud, rows: Rows) -> None:
    for row in ScaleSet.objects.all():
        _check_wishes(row, rows)
    assert all(row["ended_at"] for row in rows.upgrades.values()), "an upgrade never ends"
    assert not any(row["status"].startswith("Rolling") for row in rows.upgrades.values())
    assert rows.work_items == 0, "a chunk is left over"
    assert all(one["ended_at"] for one in rows.fleet_stops), "a stop of the fleet never ends"
    for one in rows.instances.values():
        _check_machine(cloud, rows, one)
    there_are = {rows.name_of(one) for one in rows.instances.values()}
    assert cloud.machines.keys() <= there_are, f"machines of nobody: {cloud.machines.keys() - there_are}"


def _check_machine(cloud: Cloud, rows: Rows, one: Row) -> None:
    assert one["operation_id"] is None, f"{one['name']}: {one['operation_kind']} never ends"
    name = rows.name_of(one)
    machine = cloud.machines.get(name)
    if machine is None:
        assert one["missing_since"], f"{name} has no machine, and nobody knows"
        return
    assert one["missing_since"] is None, f"{name} has a machine, and nobody knows"
    assert one["os_disk"] == machine.os_disk, f"{name}: row has {one['os_disk']}, machine {machine.os_disk}"
    assert one["version"] == machine.version
    there_are = cloud.view(machine).extensions
    has = sorted(f"{each.name} {each.version}" for each in there_are if each.state != "failed")
    assert one["extensions_key"].split("\n") == (has or [""]), f"{name}: its extensions are {has}"
    markers = [disk["marker"] for disk in one["data_disks"]]
    assert markers == [disk.marker for disk in machine.data_disks], f"{name}: another data disk"


def _check_wishes(row: ScaleSet, rows: Rows) -> None:
    """As many instances as were asked for; all on the newest version, where nothing speaks against that."""
    code, latest = row.decision.get("code"), row.sku.latest_in(row.location)
    opted_out = {one["instance_id"] for one in rows.opt_outs.values()}
    spare = [one["name"] for one in rows.of_set(row.pk) if rows.is_spare(one) and one["id"] not in opted_out]
    assert not spare, f"{spare} replace nobody, and are left over"
    there_are, wanted = rows.staying(row.pk), 0 if row.deleting else row.capacity
    if code != "NoImagePublished":
        are_stuck = bool(opted_out & {one["id"] for one in there_are})
        assert len(there_are) == wanted or (len(there_are) > wanted and are_stuck), f"{len(there_are)} of {wanted}"
        machines = sum(map(exists, there_are))
        assert machines >= wanted or _says_why(row), f"{machines} machines of {wanted}, and nobody says why"
    is_suspected = any(one["code"] == InstanceWhy.SUSPECTED for one in row.decision.get("reasons", ()))
    if code not in NOTHING_TO_BEGIN or is_suspected or not (latest and row.automatic_upgrade):
        return
    comes_again = _comes_again(rows, row.pk, latest)
    for one in there_are:
        is_left_alone = one["id"] in opted_out or is_off(one) or one["quarantined_at"]
        is_given_up = one["failed_version"] == latest and not comes_again
        is_old = not is_left_alone and not is_given_up and is_older(one["version"], latest)
        assert not is_old, f"{one['name']} stays on {one['version']}, the newest is {latest}"


def _says_why(row: ScaleSet) -> bool:
    said = {one["code"] for one in row.decision.get("reasons", ())}
    return not said.isdisjoint(("MachinesNotMade", "MachinesGone"))


def _comes_again(rows: Rows, pk: int, latest: str) -> bool:
    """The last attempt was stopped on the way: all of it is tried again."""
    last = next(iter(rows.attempts(pk)), None)
    return last is not None and last["target_version"] == latest and rows.is_stopped_on_the_way(last)

"""Operations on single instances that people ask for: reimage, delete, power. They are given to the instances as the steps of upgrades are.

The rules of rolling upgrades hold: no instance in a running batch is touched, nor one that is opted out; one that is being reimaged counts
as one without a verdict on its health, so that the gate waits for it. docs/rules.md explains that.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from upgrades.commands import lookup
from upgrades.commands.audit import audited, note
from upgrades.commands.errors import Refused
from upgrades.commands.opt_outs import find_instances, opt_out_text
from upgrades.core import versions
from upgrades.core.auditing import ObjectKind
from upgrades.core.json_edit import edited
from upgrades.core.model_parts import ModelPart, lacking
from upgrades.core.ranges import ranges
from upgrades.core.states import IN_FLIGHT, OFF, Health, OperationKind
from upgrades.core.suspicion import newest_good
from upgrades.feed.writing import Writer
from upgrades.models import Instance, InstanceUpgrade, RequestedOperation, ScaleSet, bulk
from upgrades.models.image import Catalogue
from upgrades.models.instance import in_force, staying
from upgrades.models.operations import OPERATION_COLUMNS, create_work_items
from upgrades.models.version_results import version_results_of

IN_A_BATCH = (
    "{row}: instances {ids} are in the running batch of the upgrade {aim}; ask again when the batch is over, or cancel the upgrade, which "
    "ends it after this batch"
)
IS_BUSY = "{row}: instances {ids} are being changed already ({kinds}); ask again when that is over"
OPTED_OUT = "{row}: opted-out instances are not touched ({whose}); opt them in first, or leave them out"
PROTECTED = "{row}: instances {ids} are protected from scale-in; end their protection first, or leave them out"
WITHOUT_MACHINE = "{row}: instances {ids} have no machine now; each gets a new one by itself, or says why it does not"
HAS_DATA_DISKS = (
    "reimageall would make the data disks of instances {ids} anew, which is not done here; reimage, with the same instanceIds, replaces "
    "the OS disks and keeps the data disks"
)
IS_OFF = "{row}: instances {ids} are off, so they are not restarted; start them"
NO_POWER = "the provider of {location} ({provider}) does not switch machines on and off on request; do that where the machines are"
NO_VERSION = "{row}: there is no version of {sku} for a new OS disk; publish one first"
PINNED = "{row} is pinned to {version} by its model, so its instances are reimaged to that version, not to {given}"
NOT_PUBLISHED = "{sku} {given} is not published in {location}, or was withdrawn; there are: {known}"


@dataclass(frozen=True, slots=True)
class Requested:
    """What a command began. `request`: the id under which its operations are found; none where there was nothing to do."""

    request: uuid.UUID
    instances: list[Instance]


@dataclass(slots=True)
class Request:
    """The operations that one command is about to begin. `skip_shutdown`: machines are switched off without asking their OS."""

    writer: Writer
    kind: OperationKind
    rows: list[Instance]
    skip_shutdown: bool = False
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def numbers(self) -> str:
        return ranges(row.number for row in self.rows)


@audited("InstancesReimaged", ObjectKind.SCALE_SET)
def reimage(
    path: str,
    ids: Sequence[str] | None = None,
    *,
    by: str,
    now: datetime,
    version: str = "",
    with_data_disks: bool = False,
) -> Requested:
    """Give instances a new OS disk, on which custom data and extensions are run again. Data disks are kept.

    `ids`: the instances; None for all, without those that are opted out, switched off or have no machine. `version`: of the new disks; ""
    for the one that each instance is to have (`set_versions`). `with_data_disks`: those too, which is refused where there are any.
    Raises Refused; then nothing is begun.
    """
    with lookup.writing_to(path, now) as writer:
        rows = chosen_instances(writer, ids)
        if ids is None:
            rows = [row for row in rows if row.power not in OFF or row.half_made]
        if with_data_disks and (with_some := [row for row in rows if row.data_disks]):
            raise Refused("OperationNotAllowed", HAS_DATA_DISKS.format(ids=_numbers(with_some)), target="instanceIds")
        request = Request(writer, OperationKind.REIMAGE, rows)
        if not version:
            set_versions(writer.scale_set, rows)
        elif wanted := _checked_version(writer.scale_set, version):
            for row in rows:
                row.operation_version = wanted
        forget_old_disks(rows)
        begin_operations(
            request, detail="its OS disk is being replaced", why=f"Its OS disk is being replaced: {by} asked for it."
        )
        if rows:
            after = {"instances": request.numbers, "versions": sorted({row.operation_version for row in rows})}
            note(f"Began to reimage instances {request.numbers}.", after=after)
    return Requested(request.id, rows)


@audited("InstancesDeleted", ObjectKind.SCALE_SET)
def delete_instances(path: str, ids: Sequence[str] | None, *, by: str, now: datetime) -> Requested:
    """Delete instances with their machines, and lower the scale set's capacity by as many. `ids`: None for all.

    Raises Refused, with nothing begun, where one of them is opted out, protected from scale-in or busy.
    """
    with lookup.writing_to(path, now) as writer:
        row = writer.scale_set
        rows = list(row.instances.all()) if ids is None else find_instances(row, ids)
        rows = [instance for instance in rows if instance.operation_kind != OperationKind.DELETE]
        _refuse_in_a_batch(row, rows)
        _refuse_opted_out(row, rows, now)
        _refuse(PROTECTED, row, [instance for instance in rows if instance.protected_from_scale_in])
        _refuse_busy(row, rows)
        request = Request(writer, OperationKind.DELETE, rows)
        before = row.capacity
        _lower_capacity(writer, len(rows))
        begin_operations(request, why=f"It is being deleted: {by} asked for it.")
        if rows:
            values = {"capacity": row.capacity, "deleted": request.numbers}
            note(f"Began to delete instances {request.numbers}.", before={"capacity": before}, after=values)
    return Requested(request.id, rows)


@audited("InstancesStarted", ObjectKind.SCALE_SET)
def start_machines(
    path: str, ids: Sequence[str] | None = None, *, by: str, now: datetime, opt_outs_hold: bool = True
) -> Requested:
    """Switch machines on. `ids`: the instances; None for all, without those that are opted out or have no machine.

    `opt_outs_hold`: opted-out instances are refused, as in all acts on a scale set; not where a single instance is meant (Z-1.11).
    Raises Refused; then nothing is begun. The same holds for the commands below.
    """
    return _switch(path, ids, OperationKind.START, by, now, opt_outs_hold)


@audited("InstancesRestarted", ObjectKind.SCALE_SET)
def restart_machines(
    path: str, ids: Sequence[str] | None = None, *, by: str, now: datetime, opt_outs_hold: bool = True
) -> Requested:
    """Restart machines. Those that are off stay so: of all (`ids` is None) they are left out, and by their number refused."""
    return _switch(path, ids, OperationKind.RESTART, by, now, opt_outs_hold)


@audited("InstancesPoweredOff", ObjectKind.SCALE_SET)
def power_off_machines(
    path: str,
    ids: Sequence[str] | None = None,
    *,
    by: str,
    now: datetime,
    skip_shutdown: bool = False,
    opt_outs_hold: bool = True,
) -> Requested:
    """Switch machines off, after their OS has shut down, or with `skip_shutdown` at once. No upgrade takes them until they are started."""
    return _switch(path, ids, OperationKind.POWER_OFF, by, now, opt_outs_hold, skip_shutdown=skip_shutdown)


@audited("InstancesDeallocated", ObjectKind.SCALE_SET)
def deallocate_machines(
    path: str, ids: Sequence[str] | None = None, *, by: str, now: datetime, opt_outs_hold: bool = True
) -> Requested:
    """Switch machines off, and call them deallocated until they are started. A machine that is off uses nothing of its host anyway."""
    return _switch(path, ids, OperationKind.DEALLOCATE, by, now, opt_outs_hold)


# What is done, and what is being done: in the audit trail, of the machine's health, and in the instance's history.
_WORDS = {
    OperationKind.START: ("start", "its machine is being started", "started"),
    OperationKind.RESTART: ("restart", "its machine is being restarted", "restarted"),
    OperationKind.POWER_OFF: ("switch off", "its machine is being switched off", "switched off"),
    OperationKind.DEALLOCATE: ("deallocate", "its machine is being switched off", "deallocated"),
}


def _switch(
    path: str,
    ids: Sequence[str] | None,
    kind: OperationKind,
    by: str,
    now: datetime,
    opt_outs_hold: bool,
    *,
    skip_shutdown: bool = False,
) -> Requested:
    verb, detail, done = _WORDS[kind]
    with lookup.writing_to(path, now) as writer:
        rows = _to_switch(writer, ids, kind, opt_outs_hold=opt_outs_hold)
        request = Request(writer, kind, rows, skip_shutdown)
        for row in rows:
            row.operation_version = row.version
        begin_operations(request, detail=detail, why=f"It is being {done}: {by} asked for it.")
        if rows:
            shutdown = {"without shutdown": skip_shutdown} if kind is OperationKind.POWER_OFF else {}
            note(f"Began to {verb} instances {request.numbers}.", after={"instances": request.numbers, **shutdown})
    return Requested(request.id, rows)


# --- which instances --------------------------------------------------------------------------------------------------


def chosen_instances(writer: Writer, ids: Sequence[str] | None, *, opt_outs_hold: bool = True) -> list[Instance]:
    """The instances of a request. Of all (`ids` is None), those that are opted out, have no machine or are being deleted are left out.

    Raises Refused where one of them must not be touched now.
    """
    row = writer.scale_set
    if ids is None:
        opted_out = in_force(writer.now).filter(instance__scale_set=row).values("instance")
        free = row.instances.exclude(pk__in=opted_out).exclude(operation_kind=OperationKind.DELETE)
        rows = list(free.filter(missing_since=None).exclude(operation_kind=OperationKind.CREATE))
    else:
        rows = find_instances(row, ids)
    _refuse_in_a_batch(row, rows)
    if ids is not None and opt_outs_hold:
        _refuse_opted_out(row, rows, writer.now)
    _refuse_busy(row, rows)
    _refuse(WITHOUT_MACHINE, row, [instance for instance in rows if instance.missing_since is not None])
    return rows


def _to_switch(
    writer: Writer, ids: Sequence[str] | None, kind: OperationKind, *, opt_outs_hold: bool
) -> list[Instance]:
    """The instances whose machines are switched on or off. Raises Refused, also where the provider does not do that."""
    location = writer.scale_set.location
    if not location.switches_machines:
        message = NO_POWER.format(location=location.name, provider=location.provider)
        raise Refused("OperationNotAllowed", message)
    rows = chosen_instances(writer, ids, opt_outs_hold=opt_outs_hold)
    if kind is not OperationKind.RESTART:
        return rows
    if ids is not None:
        _refuse(IS_OFF, writer.scale_set, [row for row in rows if row.power in OFF])
    return [row for row in rows if row.power not in OFF]


def _numbers(rows: Iterable[Instance]) -> str:
    return ranges(row.number for row in rows)


def _refuse(message: str, row: ScaleSet, rows: Sequence[Instance], **values: str) -> None:
    """Raise Refused with this message, if there are such instances."""
    if rows:
        text = message.format(row=row, ids=_numbers(rows), **values)
        raise Refused("OperationNotAllowed", text, target="instanceIds")


def _refuse_in_a_batch(row: ScaleSet, rows: Sequence[Instance]) -> None:
    """Raise Refused where one of them, or its replacement, is in the batch that runs: a batch is never disturbed (rule 5)."""
    upgrade = row.upgrades.filter(ended_at=None).first()
    if upgrade is None:
        return
    is_in_the_batch = Q(state__in=IN_FLIGHT) | Q(batch__finished_at=None)
    pairs = InstanceUpgrade.objects.filter(is_in_the_batch, upgrade=upgrade).values_list("instance", "replacement")
    taken = {pk for pair in pairs for pk in pair}
    _refuse(IN_A_BATCH, row, [instance for instance in rows if instance.pk in taken], aim=upgrade.aim)


def _refuse_busy(row: ScaleSet, rows: Sequence[Instance]) -> None:
    busy = [instance for instance in rows if instance.operation_kind]
    _refuse(IS_BUSY, row, busy, kinds=", ".join(sorted({instance.operation_kind for instance in busy})))


def _refuse_opted_out(row: ScaleSet, rows: Sequence[Instance], now: datetime) -> None:
    opt_outs = list(in_force(now).filter(instance__in=rows).select_related("instance").order_by("instance__number"))
    whose = "; ".join(opt_out_text(opt_out) for opt_out in opt_outs[:3])
    _refuse(OPTED_OUT, row, [opt_out.instance for opt_out in opt_outs], whose=whose)


# --- which version ----------------------------------------------------------------------------------------------------


def set_versions(row: ScaleSet, instances: Sequence[Instance]) -> None:
    """Set the version that each instance's new OS disk is to have: what the model names, or where it follows the latest, what it runs.

    So a reimage is no upgrade: whatever holds one back (an approval, a pause, a fleet stop) holds. One whose version is not known, was
    withdrawn or is of another image than the model's gets what a new instance would get. Raises Refused where there is none.
    """
    catalogue, wanted, of_new_ones = row.sku.catalogue_in(row.location), row.wanted_model(), ""
    for instance in instances:
        is_known = instance.version and instance.version not in catalogue.withdrawn
        has_image = ModelPart.IMAGE not in lacking(wanted, instance.applied_model)
        if row.image_version == versions.LATEST and is_known and has_image:
            instance.operation_version = instance.version
        else:
            of_new_ones = of_new_ones or _version_of_new_disks(row, catalogue)
            instance.operation_version = of_new_ones


def _version_of_new_disks(row: ScaleSet, catalogue: Catalogue) -> str:
    found = catalogue.wanted(row.image_version)
    if row.image_version == versions.LATEST:
        found = newest_good(catalogue.versions, version_results_of(row)) or catalogue.latest
    if not found:
        raise Refused("OperationNotAllowed", NO_VERSION.format(row=row, sku=row.sku))
    return found


def _checked_version(row: ScaleSet, given: str) -> str:
    """The version that a person named for the new OS disks. Raises Refused where the scale set cannot have it."""
    if row.image_version not in (versions.LATEST, given):
        message = PINNED.format(row=row, version=row.image_version, given=given[:80])
        raise Refused("OperationNotAllowed", message, target="exactVersion")
    known = row.sku.catalogue_in(row.location).versions
    if given not in known:
        message = NOT_PUBLISHED.format(
            sku=row.sku, given=given[:80], location=row.location.name, known=", ".join(sorted(known)[-10:]) or "none"
        )
        raise Refused("InvalidParameter", message, target="exactVersion")
    return given


def forget_old_disks(rows: Sequence[Instance]) -> None:
    """A provider keeps only the disk that was replaced last: the running upgrade cannot put those back that it replaced."""
    ended = InstanceUpgrade.objects.filter(instance__in=rows, upgrade__ended_at=None)
    ended.exclude(old_os_disk="").update(old_os_disk="")


# --- begin ------------------------------------------------------------------------------------------------------------


def _lower_capacity(writer: Writer, count: int) -> None:
    """Lower the capacity by `count` instances, in the document too; not by those that are surplus anyway."""
    row = writer.scale_set
    surplus = max(0, row.instances.filter(staying()).count() - row.capacity)
    fewer = max(0, count - surplus)
    if not fewer:
        return
    row.capacity = max(0, row.capacity - fewer)
    row.document = edited(row.document, ("sku", "capacity"), row.capacity)
    row.save(update_fields=["capacity", "document"])
    writer.changed(row)


def begin_operations(request: Request, *, why: str, detail: str = "") -> None:
    """Give each instance its operation, in the transaction of the command. `why`: for its history.

    `detail`: what is said of its health, which is void from now on: it counts as one without a verdict.
    """
    writer, rows = request.writer, request.rows
    for row in rows:
        row.operation_id, row.operation_kind, row.operation_at = uuid.uuid4(), request.kind, writer.now
        if detail:
            row.health, row.health_since, row.health_detail = Health.INITIALIZING, writer.now, detail
    RequestedOperation.objects.bulk_create(_requested(request, row) for row in rows)
    bulk.update(rows, *OPERATION_COLUMNS, "health", "health_since", "health_detail")
    create_work_items(writer.scale_set, rows)
    writer.changed(*rows, note=why)
    if rows:
        writer.wake()


def _requested(request: Request, row: Instance) -> RequestedOperation:
    assert row.operation_id, "it was given one just before"
    return RequestedOperation(
        id=row.operation_id,
        request=request.id,
        scale_set=request.writer.scale_set,
        instance_id=row.pk,
        number=row.number,
        kind=request.kind,
        asked_at=request.writer.now,
        skip_shutdown=request.skip_shutdown,
    )

"""Brings instances that a person names to the model of their scale set: Azure's manualupgrade.

The work is what the differences need (core/model_parts.py): a new OS disk, a run of the extensions, or nothing but a note of it. It is done
at once on all that are named, not batch by batch.
"""

from collections.abc import Sequence
from datetime import datetime

from upgrades.commands import lookup
from upgrades.commands.audit import audited, note
from upgrades.commands.errors import Refused
from upgrades.commands.instance_operations import (
    Request,
    Requested,
    begin_operations,
    chosen_instances,
    forget_old_disks,
    set_versions,
)
from upgrades.core.auditing import ObjectKind
from upgrades.core.model_parts import (
    WITHOUT_WORK,
    ModelPart,
    WantedModel,
    lacking,
    with_parts_without_work,
    work_to_bring,
)
from upgrades.core.ranges import ranges
from upgrades.core.states import OFF, OperationKind
from upgrades.models import Instance, ScaleSet, bulk

ONLY_DATA_DISKS = (
    "{row}: instances {ids} have other data disks than the model, and nothing else: data disks of a machine that is there are not changed "
    "here. Delete these instances and set the capacity again, and new ones get the model's"
)
DETAILS = {
    OperationKind.REIMAGE: "its OS disk is being replaced",
    OperationKind.EXTENSIONS: "its extensions are being run",
}


@audited("InstancesUpgraded", ObjectKind.SCALE_SET)
def upgrade_instances(path: str, ids: Sequence[str] | None, *, by: str, now: datetime) -> Requested:
    """Bring instances to the model of their scale set, at once. Those that have it already are left alone.

    `ids`: the instances; None for all, without those that are opted out, switched off or have no machine. An instance of a scale set that
    follows the latest image keeps its version, unless it has another image. Raises Refused; then nothing is begun.
    """
    with lookup.writing_to(path, now) as writer:
        rows = chosen_instances(writer, ids)
        if ids is None:
            rows = [row for row in rows if row.power not in OFF or row.half_made]
        wanted = writer.scale_set.wanted_model()
        work = {row.pk: work_to_bring(wanted, row.applied_model) for row in rows}
        idle = [row for row in rows if work[row.pk] is None]
        _refuse_data_disks(writer.scale_set, wanted, idle, has_work=any(work.values()))
        _note_parts_without_work(wanted, rows)
        requests = [Request(writer, kind, [row for row in rows if work[row.pk] is kind]) for kind in DETAILS]
        return _begin(requests, by)


def _refuse_data_disks(row: ScaleSet, wanted: WantedModel, idle: Sequence[Instance], *, has_work: bool) -> None:
    """Refuse where other data disks are all that there is to bring. `idle`: the instances for which there is no work."""
    others = [instance for instance in idle if ModelPart.DATA_DISKS in lacking(wanted, instance.applied_model)]
    if others and not has_work:
        ids = ranges(instance.number for instance in others)
        raise Refused("OperationNotAllowed", ONLY_DATA_DISKS.format(row=row, ids=ids), target="instanceIds")


def _note_parts_without_work(wanted: WantedModel, rows: Sequence[Instance]) -> None:
    """Note what no machine is changed by. Nobody sees that in the feed, so there is no event."""
    others = [row for row in rows if lacking(wanted, row.applied_model) & WITHOUT_WORK]
    for row in others:
        row.model_parts = with_parts_without_work(wanted.parts, row.model_parts)
    bulk.update(others, "model_parts")


def _begin(requests: Sequence[Request], by: str) -> Requested:
    """Begin the operations of both kinds, under one id."""
    for request in requests:
        request.id = requests[0].id
        if request.kind is OperationKind.REIMAGE:
            set_versions(request.writer.scale_set, request.rows)
            forget_old_disks(request.rows)
        else:
            for row in request.rows:
                row.operation_version = row.version
        detail = DETAILS[request.kind]
        begin_operations(request, detail=detail, why=f"It is brought to the model, {detail}: {by} asked for it.")
        if request.rows:
            done = {request.kind.value: request.numbers}
            note(f"Began to bring instances {request.numbers} to the model.", after=done)
    return Requested(requests[0].id, [row for request in requests for row in request.rows])

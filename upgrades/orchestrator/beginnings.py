"""What holds when work is taken up: the opt-outs since it was recorded, and that its instances are being changed from now on."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from upgrades.core.json_edit import edited
from upgrades.core.states import InstanceUpgradeState, OperationKind
from upgrades.feed.writing import Writer, writing
from upgrades.models import Instance, RequestedOperation, WorkItem, bulk
from upgrades.models.instance import in_force, is_replaced, is_surge_instance
from upgrades.models.prepared import Prepared
from upgrades.orchestrator.outcomes import (
    HEALTH_DETAIL_OF,
    PAIR,
    clear_operation,
    finish_member,
    other_of_pair,
    save,
    set_member_state,
    void_health,
)

UPGRADING_KINDS = (*HEALTH_DETAIL_OF, OperationKind.CREATE)
# What a person may ask for and an opt-out holds. It is about the OS disk, so machines may be switched in spite of it.
HELD_REQUESTS = (*HEALTH_DETAIL_OF, OperationKind.DELETE)
WITHDRAWN = {
    "error_code": "OperationNotAllowed",
    "error_message": "It was opted out before this began on its machine, so nothing was done.",
}


def mark_begun(work_item: WorkItem, now: datetime) -> bool:
    """Obey the opt-outs since the work item was created, and mark its queued instances as being upgraded. False where none is queued.

    At the first attempt no operation can have begun, so an opt-out also prevents that an old OS disk is put back, that a replaced
    instance is deleted, and what a person asked for (HELD_REQUESTS).
    """
    kinds_and_states = set(_KINDS_AND_STATES.rows(work_item.pk))
    if work_item.attempts == 1:
        of_no_batch = {kind for kind, state in kinds_and_states if state != InstanceUpgradeState.QUEUED}
        for kinds, obey in _OBEY.items():
            if of_no_batch.intersection(kinds):
                obey(work_item, now)
    is_any_queued = any(
        kind in UPGRADING_KINDS and state == InstanceUpgradeState.QUEUED for kind, state in kinds_and_states
    )
    if is_any_queued:
        _begin_queued(work_item, now)
    return is_any_queued


def _begin_queued(work_item: WorkItem, now: datetime) -> None:
    """Mark the queued instances as being upgraded. Those that were opted out meanwhile are skipped."""
    with writing(now, work_item.scale_set_id) as writer:
        rows = _QUEUED.rows(work_item.pk)
        upgraded = [row.member.instance_id for row in rows if row.member and row.member.instance_id]
        opted_out = set(_OPTED_OUT.rows(now, upgraded)) if upgraded else set()
        skipped = [row for row in rows if row.member and row.member.instance_id in opted_out]
        for row in skipped:
            finish_member(row, InstanceUpgradeState.SKIPPED, now)
            clear_operation(row)
        save(writer, skipped)
        _mark_upgrading(writer, [row for row in rows if not row.member or row.member.instance_id not in opted_out])
        writer.wake()


def _mark_upgrading(writer: Writer, rows: Sequence[Instance]) -> None:
    """Mark these instances as being upgraded, and save that."""
    for row in rows:
        set_member_state(row, InstanceUpgradeState.UPGRADING)
        void_health(row, writer.now, HEALTH_DETAIL_OF.get(OperationKind(row.operation_kind), "it is being made"))
    bulk.update([row.member for row in rows if row.member], "state")
    bulk.update(rows, "health", "health_since", "health_detail")
    writer.changed(*rows, *(other for row in rows for other in other_of_pair(row)), counts=False)


_QUEUED = Prepared(
    lambda pk: (
        Instance.objects.filter(
            work_item=pk, member__state=InstanceUpgradeState.QUEUED, operation_kind__in=UPGRADING_KINDS
        )
        .select_related(*PAIR)
        .order_by("number")
    )
)
_OPTED_OUT = Prepared(lambda now, pks: in_force(now).filter(instance__in=pks).values_list("instance_id", flat=True))
_KINDS_AND_STATES = Prepared(
    lambda pk: Instance.objects.filter(work_item=pk).values_list("operation_kind", "member__state")
)


def _keep_replaced(work_item: WorkItem, now: datetime) -> None:
    """Keep replaced instances that were opted out before their deletion began. Their surge instances are deleted instead."""
    opted_out = in_force(now).values("instance")
    deleted = Instance.objects.filter(
        work_item=work_item, operation_kind=OperationKind.DELETE, scale_set__deleting=False
    )
    waiting = deleted.filter(is_replaced(), pk__in=opted_out)
    if not waiting.exists():
        return
    with writing(now, work_item.scale_set_id) as writer:
        if not _is_still_ours(work_item):
            return
        rows = list(waiting.select_related("member__upgrade", *PAIR).order_by("number"))
        for row in rows:
            set_member_state(row, InstanceUpgradeState.SKIPPED)
            clear_operation(row)
        save(writer, rows)
        upgrades = {row.member.upgrade for row in rows if row.member}  # these may have ended, and another one may run
        writer.changed(*upgrades, note="Some that had been replaced were opted out, and stay.")
        writer.wake()


def _withdraw_requests(work_item: WorkItem, now: datetime) -> None:
    """Take back what people asked for of instances that were opted out before it began. Who asked is told that it failed, and why."""
    opted_out = in_force(now).values("instance")
    waiting = Instance.objects.filter(work_item=work_item, operation_kind__in=HELD_REQUESTS, pk__in=opted_out)
    waiting = waiting.filter(scale_set__deleting=False, operation_id__in=RequestedOperation.objects.values("id"))
    if not waiting.exists():
        return
    with writing(now, work_item.scale_set_id) as writer:
        if not _is_still_ours(work_item):
            return
        rows = list(waiting.select_related("member").order_by("number"))
        RequestedOperation.objects.filter(pk__in=[row.operation_id for row in rows]).update(**WITHDRAWN)
        kept = [row for row in rows if row.operation_kind == OperationKind.DELETE]
        _raise_capacity(writer, len(kept))
        for row in rows:
            if row.operation_kind != OperationKind.DELETE:
                void_health(row, now, "")  # it was void since the request; its next verdict counts again
            clear_operation(row)
        save(writer, rows)
        writer.changed(*rows, note="It was opted out before what a person asked for began: nothing was done.")
        writer.wake()


def _raise_capacity(writer: Writer, count: int) -> None:
    """Give the capacity back that the deletion of so many instances had taken, unless somebody has asked for fewer since."""
    row = writer.scale_set
    requested = Q(operation_kind=OperationKind.DELETE, operation_id__in=RequestedOperation.objects.values("id"))
    others = row.instances.exclude(requested).exclude(is_surge_instance())  # with those that go for a smaller capacity
    if not count or row.capacity < others.count():
        return
    row.capacity += count
    row.document = edited(row.document, ("sku", "capacity"), row.capacity)
    row.save(update_fields=["capacity", "document"])
    writer.changed(row)


def _is_still_ours(work_item: WorkItem) -> bool:
    """Does this worker still have the work item? Locks its row, so that no other worker can take it before this transaction ends."""
    return WorkItem.objects.select_for_update().filter(pk=work_item.pk, claim_number=work_item.claim_number).exists()


def _skip_rollbacks(work_item: WorkItem, now: datetime) -> None:
    """Leave opted-out instances failed on their new OS disks, if their rollback has not begun."""
    opted_out = in_force(now).values("instance")
    waiting = Instance.objects.filter(work_item=work_item, operation_kind=OperationKind.RESTORE, pk__in=opted_out)
    if not waiting.exists():
        return
    with writing(now, work_item.scale_set_id) as writer:
        if not _is_still_ours(work_item):
            return
        rows = list(waiting.select_related("member").order_by("number"))
        for row in rows:
            set_member_state(row, InstanceUpgradeState.FAILED)
            clear_operation(row)
        save(writer, rows)
        writer.wake()


_OBEY = {
    HELD_REQUESTS: _withdraw_requests,
    (OperationKind.RESTORE,): _skip_rollbacks,
    (OperationKind.DELETE,): _keep_replaced,
}

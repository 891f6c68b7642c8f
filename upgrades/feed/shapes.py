"""row -> the JSON that every screen sees. Whole resources, never differences; times are ISO 8601 in UTC."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypedDict

from upgrades.core import documents
from upgrades.core.actions import Action
from upgrades.core.briefs import brief
from upgrades.core.extensions import key_of_model
from upgrades.core.held import Reason
from upgrades.core.instants import iso
from upgrades.core.reason_kinds import KINDS, Code
from upgrades.core.sentences import SentenceShape, shaped
from upgrades.core.steps import Why
from upgrades.core.zones import zone_of, zones_of
from upgrades.models import Instance, InstanceUpgrade, OptOut, RollingUpgrade, ScaleSet
from upgrades.models.fleet_stop import open_fleet_stop
from upgrades.models.image import Catalogue
from upgrades.models.records import record_of
from upgrades.models.rolling_upgrade import policy_to_row


class ImageShape(TypedDict):
    publisher: str
    offer: str
    sku: str
    version: str


class WithdrawnShape(TypedDict):
    version: str
    owner: str
    reason: str
    created_at: str | None


class ScaleSetShape(TypedDict):
    """`latest_version`: the newest that is published in its location and was not withdrawn. `wanted_version`: the one that its instances
    are to have, which is another where the scale set is pinned. `withdrawn`: all versions of its image that were.
    """

    resource_group: str
    name: str
    location: str
    image: ImageShape
    latest_version: str | None
    wanted_version: str | None
    withdrawn: list[WithdrawnShape]
    capacity: int
    automatic_upgrade: bool
    extensions: list[str]
    policy: dict[str, float]
    probe: dict[str, Any] | None
    decision: dict[str, Any]
    fleet_stop: "HoldShape | None"
    deleting: bool


class HoldShape(TypedDict):
    owner: str
    reason: str
    created_at: str | None
    until: str | None


class FaceShape(TypedDict):
    """How something looks; both are among those of an instance's states."""

    fill: str
    glyph: str


class DecisionShape(SentenceShape):
    """What the last look decided. `word`: what an upgrade that it holds is, in a word or two, "" where it holds none."""

    code: str
    since: str | None
    face: FaceShape
    word: str
    passes: bool
    holds: bool
    at_the_gate: bool
    reasons: list["ReasonShape"]


class ReasonShape(SentenceShape):
    """Why something is not moving; within a scale set's `decision`. `instances` is null where it holds the scale set as a whole.

    `brief`: the same in few words, null where a row of a table needs none. What the other members mean: core/reason_kinds.py.
    """

    code: str
    brief: SentenceShape | None
    face: FaceShape
    passes: bool
    needs_person_after: int | None
    is_own: bool
    explains: list[str]
    gate: str
    since: str | None
    until: str | None
    who: str
    act: str
    numbers: dict[str, float]
    instances: list[str] | None


class ActionShape(TypedDict):
    """Whether people can do it now; where not, `why` says so in a sentence. Within a scale set's `decision`."""

    possible: bool
    why: str


class MemberShape(TypedDict):
    """The instance's part in the latest upgrade that took it; `upgrade` says which.

    `replacement`: where the batch surges, the id of the new instance that is to take the place of `instance`; both show this then.
    """

    upgrade: str
    instance: str
    replacement: str | None
    kind: str
    batch: int
    state: str
    swapped_at: str | None
    ended_at: str | None
    error_code: str
    error_message: str
    rollback_error: str


class OptOutShape(TypedDict):
    """`ending_by`: who ended it; it holds until `until`, so that this can be taken back. "" where nobody has."""

    owner: str
    reason: str
    scope: str
    created_at: str | None
    until: str | None
    ending_by: str


class InstanceShape(TypedDict):
    """`health_since`: when its health was last made void (created, reimaged). `health_began_at`: when the health it has now began."""

    id: str
    name: str
    zone: str
    version: str
    os_disk: str
    data_disks: list[dict[str, Any]]
    power: str
    provisioning: str
    extensions: list[dict[str, Any]]
    health: str
    health_since: str | None
    health_began_at: str | None
    health_detail: str
    operation: str
    failed_version: str
    approved_version: str
    quarantined_at: str | None
    missing_since: str | None
    member: MemberShape | None
    opt_out: OptOutShape | None


class BreachShape(SentenceShape):
    """What stopped an upgrade, in Azure's words.

    `exceeded` has `share_percent`, `limit_percent` and `of_upgraded` (else of all), where a limit did.
    """

    code: str
    instances: list[str]
    exceeded: dict[str, float] | None


class UpgradeShape(TypedDict):
    """`extensions`: what its instances are to have, where it is of that `kind`, as "name version"; its target has no version then.

    `record`: how it stood when it ended; None while it runs.
    """

    id: str
    kind: str
    target: ImageShape
    started_by: str
    started_by_name: str
    status: str
    started_at: str | None
    ended_at: str | None
    cancel_requested_by: str
    paused_by: str
    only_failed: bool
    takes_failed: bool
    takes_newer: bool
    retry_skipped_by: str
    extensions: list[str]
    policy: dict[str, float]
    progress: dict[str, int]
    error: dict[str, Any] | None
    breach: BreachShape | None
    batches: list[dict[str, Any]]
    record: dict[str, Any] | None


def time(at: datetime | None) -> str | None:
    return iso(at)


def scale_set(row: ScaleSet) -> ScaleSetShape:
    catalogue = row.sku.catalogue_in(row.location)
    return ScaleSetShape(
        resource_group=row.resource_group,
        name=row.name,
        location=row.location.name,
        image=_image(row.sku.publisher, row.sku.offer, row.sku.sku, row.image_version),
        latest_version=catalogue.latest,
        wanted_version=catalogue.wanted(row.image_version),
        withdrawn=_withdrawn(catalogue),
        capacity=row.capacity,
        automatic_upgrade=row.automatic_upgrade,
        extensions=_lines(key_of_model(documents.extensions_of(row.document))),
        policy=policy_to_row(row.policy),
        probe=_probe(row),
        decision=row.decision,
        fleet_stop=_fleet_stop(),
        deleting=row.deleting,
    )


def _withdrawn(catalogue: Catalogue) -> list[WithdrawnShape]:
    return [
        WithdrawnShape(version=version, owner=one.by, reason=one.reason, created_at=time(one.since))
        for version, one in sorted(catalogue.withdrawn.items())
    ]


def _fleet_stop() -> HoldShape | None:
    """As opt-outs: it is there until somebody, or a tick, has ended it."""
    row = open_fleet_stop()
    if row is None:
        return None
    return HoldShape(owner=row.owner, reason=row.reason, created_at=time(row.created_at), until=time(row.until))


def reasons(found: Iterable[Reason], before: Iterable[Mapping[str, Any]], now: datetime) -> list[ReasonShape]:
    """As they are stored with the decision. One that was there `before` is there since then, however its numbers move; where that lies in
    the future the clock was set back, and it is there since now."""
    since = {one["code"]: min(one["since"], time(now)) for one in before}
    shaped = [_reason(one) for one in found]
    for one in shaped:
        one["since"] = one["since"] or since.get(one["code"], time(now))
    return shaped


def actions(why_not: Mapping[Action, str]) -> dict[str, ActionShape]:
    """As they are stored with the decision."""
    return {action.value: ActionShape(possible=not why, why=why) for action, why in why_not.items()}


def decision(
    code: Code, text: str, found: list[ReasonShape], before: Mapping[str, Any], now: datetime
) -> DecisionShape:
    """As it is stored: what is waited for, and every reason why anything stands still.

    Where nothing can be done, but something is to be, the weightiest reason is what is said, rather than that there is nothing to do.
    """
    said = shaped(text)
    if code is Why.NOTHING_TO_DO and found:
        first = found[0]
        code = next(one for one in KINDS if one.value == first["code"])
        said = SentenceShape(text=first["text"], template=first["template"], params=first["params"])
    kind, here = KINDS[code], time(now)
    return DecisionShape(
        **said,
        code=code.value,
        since=min(before["since"], here) if before.get("code") == code.value else here,
        face=FaceShape(fill=kind.fill, glyph=kind.glyph),
        word=kind.word,
        passes=kind.passes,
        holds=kind.holds,
        at_the_gate=kind.at_the_gate,
        reasons=found,
    )


def _reason(one: Reason) -> ReasonShape:
    kind, few = KINDS[one.code], brief(one)
    return ReasonShape(
        **shaped(one.text),
        code=one.code.value,
        brief=shaped(few) if few else None,
        face=FaceShape(fill=kind.fill, glyph=kind.glyph),
        passes=kind.passes,
        needs_person_after=kind.needs_person_after,
        is_own=kind.is_own,
        explains=list(kind.explains),
        gate=one.gate,
        since=time(one.since),
        until=time(one.until),
        who=one.who.value,
        act=one.act,
        numbers=dict(one.numbers),
        instances=None if one.instances is None else [str(number) for number in one.instances],
    )


def _lines(extensions: str) -> list[str]:
    return extensions.split("\n") if extensions else []


def _image(publisher: str, offer: str, sku: str, version: str) -> ImageShape:
    return ImageShape(publisher=publisher, offer=offer, sku=sku, version=version)


def _probe(row: ScaleSet) -> dict[str, Any] | None:
    if not row.probe_protocol:
        return None
    return {
        "protocol": row.probe_protocol,
        "port": row.probe_port,
        "path": row.probe_path,
        "interval_seconds": row.probe_interval_seconds,
        "threshold": row.probe_threshold,
        "rich": row.probe_is_rich,
        "grace_seconds": row.probe_grace_seconds,
    }


def instances(scale_set: ScaleSet, rows: Iterable[Instance]) -> list[InstanceShape]:
    """Instances of this scale set. They must come with their `member__batch` joined; their open opt-outs are fetched here, in one query."""
    rows = list(rows)
    zones = zones_of(scale_set.document)
    open_ones = OptOut.objects.filter(instance__in=rows, ended_at=None)
    opt_outs = {one.instance_id: one for one in open_ones}
    return [_instance(row, zone_of(zones, row.number), opt_outs.get(row.pk)) for row in rows]


def _instance(row: Instance, zone: str, opt_out: OptOut | None) -> InstanceShape:
    return InstanceShape(
        id=str(row.number),
        name=row.name,
        zone=zone,
        version=row.version,
        os_disk=row.os_disk,
        data_disks=row.data_disks,
        power=row.power,
        provisioning=row.provisioning,
        extensions=row.extensions,
        health=row.health,
        health_since=time(row.health_since),
        health_began_at=time(row.health_began_at),
        health_detail=row.health_detail,
        operation=row.operation_kind,
        failed_version=row.failed_version,
        approved_version=row.approved_version,
        quarantined_at=time(row.quarantined_at),
        missing_since=time(row.missing_since),
        member=_member(row.member) if row.member else None,
        opt_out=_opt_out(opt_out) if opt_out else None,
    )


def _member(row: InstanceUpgrade) -> MemberShape:
    return MemberShape(
        upgrade=str(row.upgrade_id),
        instance=str(row.instance_number),
        replacement=None if row.replacement_number is None else str(row.replacement_number),
        kind=row.kind,
        batch=row.batch.number,
        state=row.state,
        swapped_at=time(row.swapped_at),
        ended_at=time(row.ended_at),
        error_code=row.error_code,
        error_message=row.error_message,
        rollback_error=row.rollback_error,
    )


def _opt_out(row: OptOut) -> OptOutShape:
    return OptOutShape(
        owner=row.owner,
        reason=row.reason,
        scope=row.scope,
        created_at=time(row.created_at),
        until=time(row.until),
        ending_by=row.ending_by,
    )


def upgrade(row: RollingUpgrade) -> UpgradeShape:
    progress = row.progress()
    return UpgradeShape(
        id=str(row.pk),
        kind=row.kind,
        target=_image(row.target_publisher, row.target_offer, row.target_sku, row.target_version),
        started_by=row.started_by,
        started_by_name=row.started_by_name,
        status=row.status,
        started_at=time(row.started_at),
        ended_at=time(row.ended_at),
        cancel_requested_by=row.cancel_requested_by,
        paused_by=row.paused_by,
        only_failed=row.only_failed,
        takes_failed=row.takes_failed,
        takes_newer=row.takes_newer,
        retry_skipped_by=row.retry_skipped_by,
        extensions=_lines(row.target_extensions),
        policy=row.policy,
        progress={
            "successful": progress.successful,
            "failed": progress.failed,
            "in_progress": progress.in_progress,
            "pending": progress.pending,
        },
        error=row.error,
        breach=_breach(row),
        batches=[
            {
                "number": one.number,
                "started_at": time(one.started_at),
                "finished_at": time(one.finished_at),
                "why": one.why,
            }
            for one in row.batches.all()
        ],
        record=record_of(row),
    )


def _breach(row: RollingUpgrade) -> BreachShape | None:
    """None too for upgrades that were stopped before this was kept: their `error` says it in words."""
    if row.breach is None:
        return None
    numbers = [str(number) for number in row.breach["instances"]]
    said = row.breach.get("sentence") or shaped(row.breach["message"])
    return BreachShape(**said, code=row.breach["code"], instances=numbers, exceeded=row.breach["exceeded"])

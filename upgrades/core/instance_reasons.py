"""The reasons why single instances are not moving. A part of core/reasons.py, which adds those of the whole scale set."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from upgrades.core import advice, backoff, batches, health, messages
from upgrades.core.facts import Hold, InstanceFacts, Upgrade
from upgrades.core.states import MemberState, StartedBy, UpgradeKind
from upgrades.core.steps import Why
from upgrades.core.waiting import InstanceWhy, LiftedBy, Reason, ReasonContext


def _unapproved(view: ReasonContext) -> Iterator[Reason]:
    """Instances that only lack a person's approval. Where no upgrade runs, they can be approved ahead of it."""
    held = health.ids(batches.unapproved(view.facts, view.upgrade) if view.upgrade else _unapproved_ahead(view))
    if held and view.is_wanted and not view.is_ending:
        text, numbers = messages.waiting_for_approval(len(held), view.target), {"instances": len(held)}
        code, each = Why.WAITING_FOR_APPROVAL, messages.waits_for_approval(view.target)
        yield Reason(code, text, "approval", LiftedBy.OPERATOR, "approve", numbers=numbers, instances=held, each=each)


def _unapproved_ahead(view: ReasonContext) -> list[InstanceFacts]:
    return [instance for instance in _free(view) if not batches.is_approved(instance, view.policy, view.target)]


def _free(view: ReasonContext) -> list[InstanceFacts]:
    """The outdated instances that the platform's next upgrade would take."""
    there = {instance.id for instance in view.outdated}
    taken = batches.taken_next(view.facts, view.target, takes_failed=backoff.takes_failed(view.facts))
    return [instance for instance in taken if instance.id in there]


def _opted_out(view: ReasonContext) -> Iterator[Reason]:
    """One reason for each hold, however many instances it is on. It began when the first of them was opted out."""
    if not view.is_wanted:
        return
    groups: dict[Hold, list[InstanceFacts]] = defaultdict(list)
    for instance in view.outdated:
        if instance.opt_out:
            groups[instance.opt_out].append(instance)
    for hold, held in groups.items():
        text, numbers = messages.opted_out(len(held), hold), {"instances": len(held)}
        since = min(
            (instance.opt_out.since for instance in held if instance.opt_out and instance.opt_out.since), default=None
        )
        until, ids = hold.until, health.ids(held)
        yield Reason(InstanceWhy.OPTED_OUT, text, "opt-out", LiftedBy.OWNER, "opt_in", until, numbers, ids, since)


def _quarantined(view: ReasonContext) -> Iterator[Reason]:
    held = [instance.id for instance in view.outdated if instance.quarantined and not instance.protected]
    if held and view.is_wanted and view.started_by is StartedBy.PLATFORM:
        text = messages.quarantined(len(held))
        yield Reason(InstanceWhy.QUARANTINED, text, "quarantine", LiftedBy.OPERATOR, "release", instances=tuple(held))


def _withdrawn(view: ReasonContext) -> Iterator[Reason]:
    """One reason for each withdrawn version that instances still run. A person may move them to the newest version that is left."""
    groups: dict[str, list[InstanceFacts]] = defaultdict(list)
    for instance in view.facts.staying:
        if instance.withdrawn and not instance.missing and instance.version in view.facts.withdrawn:
            groups[instance.version].append(instance)
    for version, held in groups.items():
        yield _of_withdrawn(view, version, held)


def _of_withdrawn(view: ReasonContext, version: str, held: list[InstanceFacts]) -> Reason:
    withdrawal, moving = view.facts.withdrawn[version], _moving(view, held)
    free = set(health.ids(advice.could_be_started(view)))
    takes = sum(instance.id in free for instance in held) if not moving and advice.could_begin(view) else 0
    latest = view.facts.latest.version if view.facts.latest else ""
    to = view.target if moving else latest  # not the target if none moves: an upgrade of extensions has no version
    text = messages.withdrawn(len(held), version, withdrawal, to, moving=moving, takes=takes)
    act, numbers, since = "start" if takes else "", {"instances": len(held)}, withdrawal.since
    return Reason(
        InstanceWhy.WITHDRAWN,
        text,
        "version",
        LiftedBy.OPERATOR,
        act,
        numbers=numbers,
        instances=health.ids(held),
        since=since,
    )


def _moving(view: ReasonContext, held: list[InstanceFacts]) -> int:
    """How many of the held instances get another version without anybody's action.

    While an upgrade runs, those that it takes, even to an older version; otherwise all of them, if the platform's next upgrade takes every
    single one."""
    ids, upgrade = set(health.ids(held)), view.upgrade
    if upgrade is None:
        is_coming = view.is_automatic and not backoff.was_cancelled(view.facts) and ids <= set(health.ids(_free(view)))
        return len(ids) if is_coming and ids <= set(health.ids(view.outdated)) else 0
    if view.is_ending or upgrade.kind is UpgradeKind.EXTENSIONS:
        return 0
    taken = {member.instance for member in upgrade.members if member.state in _ON_THE_WAY}
    return len(ids & taken.union(health.ids(batches.left(view.facts, upgrade))))


_ON_THE_WAY = (MemberState.QUEUED, MemberState.UPGRADING, MemberState.VERIFYING)


def _switched_off(view: ReasonContext) -> Iterator[Reason]:
    held = [instance.id for instance in view.outdated if instance.stopped and not instance.protected]
    if held and view.is_wanted:
        text = messages.switched_off(len(held))
        yield Reason(InstanceWhy.SWITCHED_OFF, text, "power", LiftedBy.OPERATOR, instances=tuple(held))


def _failed_before(view: ReasonContext) -> Iterator[Reason]:
    """Instances that failed on the wanted version, in the running upgrade or before, and that no coming attempt tries again."""
    upgrade = view.upgrade
    if not view.is_wanted or (upgrade is None and backoff.takes_failed(view.facts)):
        return
    held = _left_alone(view, upgrade) if upgrade else health.ids(_failed_on(view, view.outdated))
    if held:
        text, numbers = (
            messages.failed_before(len(held), view.target, is_running=bool(upgrade)),
            {"instances": len(held)},
        )
        act = "" if upgrade else "retry_failed"  # only one upgrade can run at a time
        yield Reason(InstanceWhy.FAILED_BEFORE, text, "retry", LiftedBy.OPERATOR, act, numbers=numbers, instances=held)


def _left_alone(view: ReasonContext, upgrade: Upgrade) -> tuple[int, ...]:
    """The ids of failed instances that the running upgrade does not take (again).

    It takes each instance once, and those that failed before it only where it `takes_failed`."""
    if upgrade.kind is UpgradeKind.EXTENSIONS:
        return ()
    failed = {
        member.instance for member in upgrade.members if member.state in (MemberState.FAILED, MemberState.ROLLED_BACK)
    }
    before = set() if upgrade.takes_failed else {instance.id for instance in _failed_on(view, view.facts.staying)}
    return tuple(
        instance.id for instance in view.facts.staying if instance.id in failed | before and not instance.protected
    )


def _failed_on(view: ReasonContext, instances: Iterable[InstanceFacts]) -> list[InstanceFacts]:
    return [instance for instance in instances if instance.failed_version == view.target and not instance.protected]


def _turn(view: ReasonContext) -> Iterator[Reason]:
    """Instances that wait for a later batch."""
    upgrade = view.upgrade
    waiting = batches.approved(view.facts, upgrade) if upgrade and not view.is_ending else []
    if upgrade and waiting:
        text = messages.turn(len(waiting), len(upgrade.batches))
        numbers = {"waiting": len(waiting), "batches": len(upgrade.batches)}
        yield Reason(InstanceWhy.TURN, text, "batch", numbers=numbers, instances=health.ids(waiting))


SOURCES = (_unapproved, _opted_out, _quarantined, _withdrawn, _switched_off, _failed_before, _turn)

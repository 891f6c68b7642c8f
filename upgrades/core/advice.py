"""What a reason advises leads somewhere: no act that would be refused, or stop at once, on the same facts."""

from dataclasses import replace

from upgrades.core import backoff, batches, health
from upgrades.core.facts import Facts, InstanceFacts, Upgrade
from upgrades.core.policy import Policy
from upgrades.core.states import StartedBy
from upgrades.core.steps import Why
from upgrades.core.waiting import LiftedBy, Reason, ReasonContext

START, MEND, RETRY_FAILED, RETRY = "start", "start_unhealthy_first", "retry_failed", "retry_now"
CHANGE_POLICY = "change_policy"
OF_UPGRADES = (Why.BACKING_OFF, Why.STOPPED)  # machines that could not be made are tried again whatever holds upgrades


def checked(reason: Reason, view: ReasonContext) -> Reason:
    """Without its act, where that would be in vain; what a shut gate keeps from being tried again, with what opens the gate."""
    if not _is_in_vain(reason, view):
        return reason
    if reason.act == RETRY_FAILED and _may_begin(view) and _failed_and_free(view):
        return replace(reason, act=at_the_gate(view))
    # It is tried again by itself, and nobody could have that sooner.
    who = LiftedBy.NOBODY if reason.code is Why.BACKING_OFF else reason.who
    return replace(reason, act="", who=who)


def _is_in_vain(reason: Reason, view: ReasonContext) -> bool:
    if reason.act in (START, RETRY_FAILED):
        return not could_begin(view) or (reason.act == RETRY_FAILED and not _failed_and_free(view))
    if reason.act == RETRY and reason.code in OF_UPGRADES:
        return not could_be_tried_again(view)
    return False


def could_begin(view: ReasonContext) -> bool:
    """An upgrade by hand would neither be refused now, nor stop at the gate."""
    return _may_begin(view) and not gate_is_shut(view.facts, view, by_hand=True)


def could_be_tried_again(view: ReasonContext) -> bool:
    """By the platform, if a person asked for it now: nothing refuses or stops it, and there is one that it would take."""
    free = batches.next_candidates(view.facts, StartedBy.PLATFORM, view.target)
    takes = {one.id for one in free}.intersection(one.id for one in view.outdated)
    return bool(takes) and not backoff.paused_by(view.facts) and not gate_is_shut(view.facts, view, by_hand=False)


def at_the_gate(view: ReasonContext) -> str:
    """What opens it: the unhealthy upgraded first, where they alone keep it shut; else another policy, where none runs yet."""
    if view.upgrade:
        return ""  # it has its own policy, fixed at its start
    return MEND if _may_begin(view) and _could_be_mended(view) else CHANGE_POLICY


def gate_is_shut(facts: Facts, view: ReasonContext, *, by_hand: bool) -> bool:
    """For an upgrade that begins now: a person's has limits of its own."""
    return _is_shut(facts, health.unhealthy(facts, view.now), policy_of(facts, by_hand=by_hand))


def policy_of(facts: Facts, *, by_hand: bool) -> Policy:
    return facts.policy_by_hand or facts.policy if by_hand else facts.policy


def could_be_started(view: ReasonContext) -> list[InstanceFacts]:
    """Those that an upgrade by hand would take, where none runs: those on a newer version that was withdrawn too."""
    facts = view.facts
    if view.upgrade or facts.latest is None:
        return []
    policy = policy_of(facts, by_hand=True)
    start = Upgrade(facts.latest, StartedBy.USER, policy, takes_newer=bool(facts.pinned_to))
    free = batches.next_candidates(facts, StartedBy.USER, view.target)
    return [one for one in free if batches.is_wanted(one, start)]


def _failed_and_free(view: ReasonContext) -> bool:
    """One that an upgrade of those that failed would take: it is there, and on."""
    free = batches.next_candidates(view.facts, StartedBy.USER, view.target)
    return any(one.failed_version == view.target for one in free)


def _may_begin(view: ReasonContext) -> bool:
    return view.upgrade is None and not backoff.paused_by(view.facts)


def _could_be_mended(view: ReasonContext) -> bool:
    """The gate is shut by those that the upgrade itself would mend."""
    takes = {one.id for one in could_be_started(view)}
    sick = health.unhealthy(view.facts, view.now)
    others = [one for one in sick if one.id not in takes]
    return len(others) < len(sick) and not _is_shut(view.facts, others, policy_of(view.facts, by_hand=True))


def _is_shut(facts: Facts, sick: list[InstanceFacts], policy: Policy) -> bool:
    return health.exceeds(len(sick), len(facts.counted), policy.max_unhealthy_percent)

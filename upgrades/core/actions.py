"""Which actions people can take on a scale set now, and why the others are not possible.

To find out, `decide` runs on the facts as they would be after the action (core/what_if.py). An action that is not possible here would be
refused by its command too, or would do nothing. Each `_why_not_...` function returns a sentence, "" where its action is possible. Pages
show the sentences on disabled buttons.
"""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from upgrades.core import advice, backoff, batches, in_flight, missing, what_if
from upgrades.core.catalogue import say
from upgrades.core.decide import decide
from upgrades.core.facts import Facts
from upgrades.core.reason_context import ReasonContext, reason_context_of
from upgrades.core.states import UpgradeKind, UpgradeStatus
from upgrades.core.steps import Complete, Fault


class Action(StrEnum):
    """What a person can do. `OPT_OUT_OF_UPGRADE`: opt instances out until the running upgrade is complete."""

    START = "start"
    START_UNHEALTHY_FIRST = "start_unhealthy_first"
    RETRY = "retry_now"
    RETRY_FAILED = "retry_failed"
    EXTENSIONS = "start_extensions"
    PAUSE = "pause"
    RESUME = "resume"
    NEXT_BATCH = "next_batch_now"
    CANCEL = "cancel"
    APPROVE = "approve"
    RELEASE = "release"
    OPT_OUT_OF_UPGRADE = "opt_out_of_upgrade"


def actions_of(facts: Facts, now: datetime, extensions: str) -> dict[Action, str]:
    """Why each action is not possible now, "" where it is. `extensions`: the key of the model's extensions, "" for none."""
    context = reason_context_of(facts, now)
    found = {action: why(context) for action, why in _WHY_NOT.items()}
    found[Action.EXTENSIONS] = _why_another_runs(context) or _why_not_start_extensions(context, extensions)
    return found


# --- beginning an upgrade ---------------------------------------------------------------------------------------------


def _why_another_runs(context: ReasonContext) -> str:
    """Why no upgrade can begin: another one is running. "" where none is."""
    upgrade = context.upgrade
    if upgrade is None:
        return ""
    return say("action.upgrade_runs", version=upgrade.target.version if upgrade.kind is UpgradeKind.IMAGE else "")


def _why_not_start(context: ReasonContext) -> str:
    if why := _why_another_runs(context) or _why_none_can_begin(context):
        return why
    return _why_it_would_end_at_once(what_if.with_upgrade_started(context.facts), context, _why_none_taken(context))


def _why_none_can_begin(context: ReasonContext) -> str:
    """Why no upgrade whatever can begin: nothing to upgrade, no version, or a pause. "" where one can."""
    facts = context.facts
    if not facts.staying:
        return say("action.no_instances")
    if facts.latest_image is None:
        return say("action.no_version")
    by = backoff.paused_by(facts)
    return say("action.paused", version=context.target, by=by) if by else ""


def _why_none_taken(context: ReasonContext) -> str:
    """Why an upgrade would take no instance. Asked only where it would take none."""
    if not context.outdated:
        return say("action.all_current", version=context.target)
    if all(instance.is_opted_out for instance in context.outdated):
        return say("action.all_opted_out")
    return say("action.none_free", count=len(context.outdated))


def _why_not_start_unhealthy_first(context: ReasonContext) -> str:
    if why := _why_another_runs(context) or _why_none_can_begin(context):
        return why
    started = what_if.with_upgrade_started(context.facts, unhealthy_first=True)
    none_taken = say("action.none_unhealthy")
    if started.upgrade is None or not batches.requested_first(started, started.upgrade):
        return none_taken
    return _why_it_would_end_at_once(started, context, none_taken)


def _why_not_retry_failed(context: ReasonContext) -> str:
    if why := _why_another_runs(context) or _why_none_can_begin(context):
        return why
    none_taken = say("action.none_failed", version=context.target)
    if not any(instance.failed_version == context.target for instance in context.facts.instances):
        return none_taken
    return _why_it_would_end_at_once(what_if.with_upgrade_started(context.facts, only_failed=True), context, none_taken)


def _why_not_start_extensions(context: ReasonContext, extensions: str) -> str:
    if not extensions:
        return say("action.no_extensions")
    none_taken = say("action.all_have_extensions")
    if all(instance.extensions_key == extensions for instance in context.facts.instances):
        return none_taken
    return _why_it_would_end_at_once(
        what_if.with_extension_upgrade_started(context.facts, extensions), context, none_taken
    )


def _why_it_would_end_at_once(started: Facts, context: ReasonContext, none_taken: str) -> str:
    """Why the upgrade that was started in these facts would end at once; "" where it would not.

    `none_taken`: the answer where there is no instance to take."""
    if started.upgrade is None or not batches.takeable_now(started, started.upgrade):
        return none_taken
    match decide(started, context.now):
        case Complete():
            return none_taken
        case Fault(breach) if breach.exceeded:
            share, limit = breach.exceeded.share_percent, breach.exceeded.limit_percent
            return say("action.would_stop", count=len(breach.instances), share=share, limit=limit)
        case Fault(breach):
            return breach.message
    return ""


def _why_not_retry(context: ReasonContext) -> str:
    facts, last = context.facts, context.facts.last_attempt
    if missing.to_create(facts):
        return ""
    if why := _why_another_runs(context):
        return why
    again_at = backoff.next_attempt_at(facts)
    waits = backoff.was_cancelled(facts) or (again_at is not None and again_at > context.now)
    if last is None or last.status not in (UpgradeStatus.FAULTED, UpgradeStatus.CANCELLED) or not waits:
        return say("action.nothing_to_retry")
    if not facts.automatic:
        return say("action.automatic_off")
    if why := _why_none_can_begin(context):
        return why
    return "" if advice.could_be_tried_again(context) else say("action.none_could")


# --- steering a running upgrade ---------------------------------------------------------------------------------------


def _why_no_more_batches(context: ReasonContext) -> str:
    """Why no further batch begins: no upgrade runs, it rolls back, or it is being cancelled. "" where one may begin."""
    upgrade = context.upgrade
    if upgrade is None:
        return say("action.nothing_runs")
    if upgrade.breach:
        return say("action.rolling_back")
    return say("action.cancelling") if upgrade.cancel_requested_by else ""


def _would_be_retried(context: ReasonContext) -> bool:
    """Was the last attempt stopped, and will the platform try it again?"""
    facts, last = context.facts, context.facts.last_attempt
    is_stopped = last is not None and last.status in (UpgradeStatus.FAULTED, UpgradeStatus.CANCELLED)
    is_at_latest = (
        last is not None and facts.latest_image is not None and last.target_version == facts.latest_image.version
    )
    return bool(is_stopped and is_at_latest and last and not last.cancelled_by and context.is_automatic)


def _why_not_pause(context: ReasonContext) -> str:
    upgrade = context.upgrade
    if upgrade is None:
        if by := backoff.paused_by(context.facts):
            return say("action.already_paused", by=by)
        return "" if _would_be_retried(context) else say("action.nothing_runs")
    return say("action.already_paused", by=upgrade.paused_by) if upgrade.paused_by else _why_no_more_batches(context)


def _why_not_resume(context: ReasonContext) -> str:
    upgrade = context.upgrade
    if upgrade is None:
        return "" if backoff.paused_by(context.facts) else say("action.nothing_paused")
    return _why_no_more_batches(context) or ("" if upgrade.paused_by else say("action.not_paused"))


def _why_not_next_batch(context: ReasonContext) -> str:
    upgrade = context.upgrade
    if upgrade is None:
        return say("action.nothing_runs")
    if why := _why_no_more_batches(context):
        return why
    if in_flight.running_batch(context.facts):
        return say("action.batch_runs")
    last = upgrade.batches[-1].finished_at if upgrade.batches else None
    if last is None or last + upgrade.policy.pause_between_batches <= context.now:
        return say("action.only_in_a_pause")
    return say("action.already_requested") if upgrade.pause_is_skipped else ""


def _why_not_cancel(context: ReasonContext) -> str:
    upgrade = context.upgrade
    if upgrade is not None and upgrade.cancel_requested_by:
        return say("action.already_requested")
    return _why_no_more_batches(context)


def _why_not_approve(context: ReasonContext) -> str:
    facts, upgrade = context.facts, context.upgrade
    if not context.policy.deferral or (upgrade and upgrade.kind is not UpgradeKind.IMAGE):
        return say("action.no_approval_needed")
    waiting = context.outdated if upgrade is None else batches.unapproved(facts, upgrade)
    is_waiting = any(
        not batches.is_approved(instance, context.policy, context.target) and not instance.is_opted_out
        for instance in waiting
    )
    follows = upgrade is not None or facts.follows_latest
    return "" if is_waiting and follows else say("action.nothing_waits")


def _why_not_release(context: ReasonContext) -> str:
    return say("action.failed_are_tried") if context.upgrade and context.upgrade.only_failed else ""


def _why_not_opt_out_of_upgrade(context: ReasonContext) -> str:
    return "" if context.upgrade or _would_be_retried(context) else say("action.nothing_to_opt_out_of")


_WHY_NOT: dict[Action, Callable[[ReasonContext], str]] = {
    Action.START: _why_not_start,
    Action.START_UNHEALTHY_FIRST: _why_not_start_unhealthy_first,
    Action.RETRY: _why_not_retry,
    Action.RETRY_FAILED: _why_not_retry_failed,
    Action.PAUSE: _why_not_pause,
    Action.RESUME: _why_not_resume,
    Action.NEXT_BATCH: _why_not_next_batch,
    Action.CANCEL: _why_not_cancel,
    Action.APPROVE: _why_not_approve,
    Action.RELEASE: _why_not_release,
    Action.OPT_OUT_OF_UPGRADE: _why_not_opt_out_of_upgrade,
}

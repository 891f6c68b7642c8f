"""The consequences of a person's action, in sentences that pages show before the action is taken."""

from upgrades.core import in_flight
from upgrades.core.catalogue import say
from upgrades.core.facts import Facts
from upgrades.core.preview import LIFTED_BY_PEOPLE, Plan, PlannedBatch
from upgrades.core.sentences import Sentence
from upgrades.core.states import StartedBy

Sentences = tuple[Sentence, ...]


def of_plan(facts: Facts, plan: Plan) -> Sentences:
    """What the plan would do. `facts`: those before the action."""
    batches = batches_that_follow(plan)
    if not batches:
        return (say("consequence.no_upgrade"),)
    size = sum(len(batch.instances) for batch in batches)
    plan_sentence = say("consequence.plan", size=size, target=plan.target, batches=len(batches))
    first = {"size": len(batches[0].instances), "number": batches[0].number}
    if in_flight.running_batch(facts):
        return plan_sentence, say("consequence.after_this_batch", **first)
    return plan_sentence, say("consequence.when_free" if _is_held(plan) else "consequence.at_once", **first)


def batches_that_follow(plan: Plan) -> tuple[PlannedBatch, ...]:
    """The batches that the action brings about: those that nothing holds, or all where something holds the first."""
    return plan.unblocked or plan.batches


def _is_held(plan: Plan) -> bool:
    """Does something hold the first batch? A block that only later batches wait for, such as an approval, does not."""
    return not plan.unblocked or any(block.code not in LIFTED_BY_PEOPLE for block in plan.blocks)


def of_starting(facts: Facts) -> Sentences:
    """What else follows from starting an upgrade: a fleet stop does not hold it."""
    stop = facts.fleet_stop
    if stop is None:
        return ()
    return (
        say("consequence.fleet_stopped", owner=stop.owner, reason=stop.reason),
        say("consequence.started_by_people"),
    )


def of_retrying(facts: Facts) -> Sentences:
    """What else follows from a retry: missing machines are created again at once."""
    is_lacking = any(instance.missing for instance in facts.instances)
    return (say("consequence.missing_machines"),) if is_lacking else ()


def of_resuming(facts: Facts) -> Sentences:
    """The name of the person whose pause resuming ends."""
    upgrade, last = facts.upgrade, facts.last_attempt
    by = upgrade.paused_by if upgrade else last.paused_by if last else ""
    return (say("consequence.paused_by", by=by),) if by else ()


def of_cancelling(facts: Facts) -> Sentences:
    """The time at which the upgrade ends, and the fact that it is not tried again."""
    batch = in_flight.running_batch(facts)
    end = say("consequence.cancels_at_once")
    if batch:
        end = say("consequence.finishes_batch", number=batch.number, size=len(batch.members))
    return end, say("consequence.not_retried")


def of_turning_automatic_off(facts: Facts) -> Sentences:
    """The stop of the running upgrade, if the platform started it; a person's upgrade goes on."""
    stops = facts.upgrade is not None and facts.upgrade.started_by is StartedBy.PLATFORM
    return (say("consequence.stops_automatic"),) if stops else ()


def of_ending_the_fleet_stop(held: int) -> Sentences:
    """What begins when the fleet stop ends. `held`: how many scale sets it holds and nothing else does."""
    return (say("consequence.holds", count=held) if held else say("consequence.holds_none"),)

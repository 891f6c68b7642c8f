"""The consequences of a person's action, in sentences that pages show before the action is taken."""

from upgrades.core import in_flight
from upgrades.core.facts import Facts
from upgrades.core.preview import Plan
from upgrades.core.states import StartedBy

Sentences = tuple[str, ...]


def of_plan(facts: Facts, plan: Plan) -> Sentences:
    """What `plan` would do. `facts`: the scale set now, before the action."""
    if not plan.size:
        return ("No upgrade begins because of it.",)
    what = f"upgraded to {plan.target}" if plan.target else "brought to the extensions of the model"
    says = f"{many(plan.size, 'instance')} would be {what}, in {many(len(plan.batches), 'batch', 'batches')}."
    first = f"{many(len(plan.batches[0].instances), 'instance')} in batch {plan.batches[0].number}"
    if in_flight.running_batch(facts):
        return says, f"After the batch that is in progress: {first}."
    return (
        says,
        f"It waits until what holds it is over; then {first}." if plan.blocks else f"It begins at once with {first}.",
    )


def of_starting(facts: Facts) -> Sentences:
    """What else follows when a person starts an upgrade: a fleet stop does not hold it."""
    stop = facts.fleet_stop
    if stop is None:
        return ()
    return (
        f"All automatic upgrades are stopped by {stop.owner}: {stop.reason}",
        "An upgrade that a person starts is not held by that.",
    )


def of_retrying(facts: Facts) -> Sentences:
    is_lacking = any(instance.missing for instance in facts.instances)
    return ("Missing machines are created again at once.",) if is_lacking else ()


def of_resuming(facts: Facts) -> Sentences:
    upgrade, last = facts.upgrade, facts.last_attempt
    by = upgrade.paused_by if upgrade else last.paused_by if last else ""
    return (f"It was paused by {by}.",) if by else ()


def of_cancelling(facts: Facts) -> Sentences:
    batch = in_flight.running_batch(facts)
    now = "No batch is in progress: it ends at once."
    if batch:
        now = f"Batch {batch.number} ({many(len(batch.members), 'instance')}) is finished first."
    return now, "It is not tried again by itself. Start or retry it to continue."


def of_turning_automatic_off(facts: Facts) -> Sentences:
    """The running upgrade stops if the platform started it; () otherwise, because a person's upgrade goes on."""
    stops = facts.upgrade is not None and facts.upgrade.started_by is StartedBy.PLATFORM
    return ("The automatic upgrade that is running stops after its current batch.",) if stops else ()


def of_ending_the_fleet_stop(held: int) -> Sentences:
    """`held`: how many scale sets are held by the fleet stop alone."""
    if not held:
        return ("It holds no scale set now.",)
    return (f"{many(held, 'scale set')} held by it can begin or go on at once.",)


def many(count: int, singular: str, more: str = "") -> str:
    """A number with its noun. Numbers from 10,000 on are grouped as on the pages.

    >>> many(1, "batch", "batches"), many(2, "batch", "batches"), many(3, "instance")
    ('1 batch', '2 batches', '3 instances')
    """
    number = f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}") if count >= 10_000 else count
    return f"{number} {singular if count == 1 else more or singular + 's'}"

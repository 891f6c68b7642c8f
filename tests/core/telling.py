"""Steps as the lines of a transcript."""

from dataclasses import fields

from upgrades.core.facts import (
    ImageReference,
)
from upgrades.core.ranges import ranges
from upgrades.core.steps import (
    Fault,
    RollBack,
    Settle,
    StartBatch,
    Step,
    Wait,
)


def tell(step: Step) -> str:
    """A step as one short line of a transcript: the time to look again at is left out, a fault's message has its own line."""
    if isinstance(step, Wait):
        return f"Wait({step.why}) {step.text}"
    if isinstance(step, Fault):
        return f"Fault({step.breach.code}, {tell_ids(step.breach.instances)})\n         {step.breach.message}"
    if isinstance(step, RollBack):
        because = f"; {step.breach.code}" if step.breach else ""
        return f"RollBack({tell_ids(step.instances)}{because})"
    if isinstance(step, Settle):
        skipped = f"; skipped {tell_ids(step.skipped)}" if step.skipped else ""
        return f"Settle(succeeded {tell_ids(step.succeeded)}; failed {tell_ids(step.failed)}{skipped})"
    if isinstance(step, StartBatch):
        return f"StartBatch({step.number}, {tell_ids(step.instances)}{', surge' if step.surge else ''})"
    words = [_word(getattr(step, field.name)) for field in fields(step) if field.compare]
    return f"{type(step).__name__}({', '.join(filter(None, words))})"


def _word(value: object) -> str:
    if isinstance(value, ImageReference):
        return value.version
    if isinstance(value, bool):  # StartUpgrade.takes_failed
        return "those that failed too" if value else ""
    return tell_ids(value) if isinstance(value, tuple) else str(value)


def tell_ids(ids: tuple[int, ...]) -> str:
    return ranges(ids, max_shown=len(ids)) or "-"

"""Opting instances out of upgrades, and in again."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from upgrades.commands import finding
from upgrades.commands.errors import Refused
from upgrades.feed.writing import Writing, writing
from upgrades.models import Instance, OptOut, ScaleSet

DEFAULT_LENGTH = timedelta(days=14)  # never silently for ever


def opt_out(
    path: str,
    ids: Sequence[str],
    *,
    reason: str,
    owner: str,
    now: datetime,
    until: datetime | None = None,
    for_ever: bool = False,
    scope: OptOut.Scope = OptOut.Scope.UNTIL,
) -> list[Instance]:
    """Has these instances left alone, for 14 days unless said otherwise. An opt-out that an instance has already is replaced.

    An instance whose OS disk is being replaced is finished first. Raises Refused; then none of them is opted out.
    """
    if not reason.strip():
        raise Refused("InvalidParameter", "say why: an opt-out has a reason", target="reason")
    if until is not None and until <= now:
        raise Refused(
            "InvalidParameter", f"an opt-out ends in the future, not at {until:%Y-%m-%d %H:%M %Z}", target="until"
        )
    end = None if for_ever else until or now + DEFAULT_LENGTH
    with writing(now, finding.scale_set(path).pk) as w:
        rows = _instances(w.scale_set, ids)
        _end(w, rows, owner)
        OptOut.objects.bulk_create(
            OptOut(instance=row, owner=owner, reason=reason.strip(), scope=scope, created_at=now, until=end)
            for row in rows
        )
        w.changed(*rows, note=f"Opted out by {owner}: {reason.strip()}")
        w.wake()
    return rows


def opt_in(path: str, ids: Sequence[str], *, owner: str, now: datetime) -> list[Instance]:
    """Ends the opt-outs of these instances. Raises Refused; then none is ended."""
    with writing(now, finding.scale_set(path).pk) as w:
        rows = _instances(w.scale_set, ids)
        _end(w, rows, owner)
        w.changed(*rows, note=f"Opted in by {owner}.")
        w.wake()
    return rows


def _end(w: Writing, rows: Sequence[Instance], by: str) -> None:
    OptOut.objects.filter(instance__in=rows, ended_at=None).update(ended_at=w.now, ended_by=by)


def _instances(scale_set: ScaleSet, ids: Sequence[str]) -> list[Instance]:
    """Raises Refused, naming those that do not exist."""
    rows = {str(row.number): row for row in scale_set.instances.all()}
    unknown = [id for id in ids if id not in rows]
    if unknown or not ids:
        there_are = f"{min(rows, key=int)} to {max(rows, key=int)}" if rows else "none"
        what = f"no instance {', '.join(unknown)}" if unknown else "no instance was named"
        raise Refused("ResourceNotFound", f"{scale_set}: {what}; its instances: {there_are}", target=", ".join(unknown))
    return [rows[id] for id in dict.fromkeys(ids)]

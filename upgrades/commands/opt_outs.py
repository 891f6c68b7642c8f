"""Opts instances out of upgrades, and in again."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet

from upgrades.commands import lookup, which_upgrade
from upgrades.commands.audit import audited, note
from upgrades.commands.errors import Refused
from upgrades.core.auditing import ObjectKind
from upgrades.core.json_fields import unprintable
from upgrades.core.ranges import ranges
from upgrades.core.sentences import in_utc
from upgrades.feed.writing import Writer
from upgrades.models import Instance, OptOut, ScaleSet
from upgrades.models.instance import in_force

DEFAULT_DURATION = timedelta(days=14)  # no opt-out lasts for ever just because nobody gave an end
MAX_DURATION = timedelta(days=3650)
MAX_REASON_LENGTH = 500  # characters
# For how long opting in on a page is put off, so that it can be undone.
OPT_IN_DELAY = timedelta(seconds=10)
# For how long opting out can be undone. Meanwhile nothing begins on the instances, because they are opted out.
OPT_OUT_UNDO_TIME = timedelta(minutes=1)
TOO_LATE = "{row}: the opt-outs of instances {ids} have ended already; opt them out again"
NOT_FRESH = "{row}: you did not opt instances {ids} out within the last minute; opt them in instead"


@audited("InstancesOptedOut", ObjectKind.SCALE_SET)
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
    """Opt instances out of upgrades, until `until`, `for_ever`, or else for 14 days. An opt-out that an instance already has is replaced.

    An instance whose OS disk is being replaced is finished first. An opt-out with the scope "upgrade" holds for all attempts at the version
    of the upgrade that is running, or that waits to be tried again; it is refused where there is neither.
    Raises Refused; then no instance is opted out.
    """
    reason = checked_reason(reason, "an opt-out")
    checked_until(until, now, "an opt-out")
    end = None if for_ever else until or now + DEFAULT_DURATION
    with lookup.writing_to(path, now) as writer:
        rows = find_instances(writer.scale_set, ids)
        version = which_upgrade.opt_out_version(writer) if scope == OptOut.Scope.UPGRADE else ""
        before = _audit_values(rows)
        _end(writer, rows, owner)
        values = {"owner": owner, "reason": reason, "scope": scope, "created_at": now, "until": end}
        OptOut.objects.bulk_create(OptOut(instance=row, version=version, **values) for row in rows)
        writer.changed(*rows, note=f"Opted out by {owner}: {reason}")
        summary = f"Opted out instances {ranges(row.number for row in rows)}: {reason}"
        note(summary, before=before, after=_audit_values(rows))
        writer.wake()
    return rows


def checked_reason(reason: str, what: str) -> str:
    """The reason without blanks around it. Raises Refused where it is empty, too long or unprintable. `what`: what it is a reason for."""
    reason = reason.strip()
    if not reason:
        raise Refused("InvalidParameter", f"give a reason: {what} needs one", target="reason")
    if len(reason) > MAX_REASON_LENGTH:
        message = f"the reason of {what} has at most {MAX_REASON_LENGTH} characters, not {len(reason)}"
        raise Refused("InvalidParameter", message, target="reason")
    if (at := unprintable(reason)) is not None:
        message = f"the reason of {what} must be one line of printable text; its character {at + 1} is {reason[at]!r}"
        raise Refused("InvalidParameter", message, target="reason")
    return reason


def checked_until(until: datetime | None, now: datetime, what: str) -> None:
    """Raise Refused where `until` lies in the past, or more than ten years ahead."""
    if until is None:
        return
    if until <= now:
        message = f"{what} ends in the future, not at {in_utc(until)}"
        raise Refused("InvalidParameter", message, target="until")
    if until - now > MAX_DURATION:
        message = f"{what} ends within ten years or never, not at {in_utc(until)}"
        raise Refused("InvalidParameter", message, target="until")


@audited("InstancesOptedIn", ObjectKind.SCALE_SET)
def opt_in(
    path: str, ids: Sequence[str], *, owner: str, now: datetime, delay: timedelta = timedelta(0)
) -> list[Instance]:
    """End the opt-outs of these instances; instances without one stay as they are. Raises Refused; then none is ended.

    `delay`: for how long the opt-outs still hold; until then `undo_opt_in` can keep them.
    """
    with lookup.writing_to(path, now) as writer:
        rows = find_instances(writer.scale_set, ids)
        open_opt_outs = OptOut.objects.filter(instance__in=rows, ended_at=None)
        if delay:
            open_opt_outs = open_opt_outs.filter(Q(until=None) | Q(until__gt=now + delay), ending_by="")
        ended = _instances_with(rows, open_opt_outs)
        if ended:
            note(f"Opted in instances {ranges(row.number for row in ended)}.", before=_audit_values(ended))
        if delay:
            open_opt_outs.update(until_before=F("until"), until=now + delay, ending_by=owner)
        else:
            _end(writer, rows, owner)
        writer.changed(*ended, note=f"Opted in by {owner}{f', in {delay.seconds} s' if delay else ''}.")
        writer.wake()
    return ended if delay else rows


def opt_outs_of_others(path: str, ids: Sequence[str], *, by: str, now: datetime) -> list[OptOut]:
    """The opt-outs of these instances that belong to other people: pages ask before they end them. Raises Refused."""
    rows = find_instances(lookup.scale_set(path), ids)
    others = in_force(now).filter(instance__in=rows).exclude(owner=by)
    return list(others.select_related("instance").order_by("instance__number"))


def opt_out_text(row: OptOut) -> str:
    """Describe an opt-out: whose it is, until when, and why."""
    until = f"until {in_utc(row.until)}" if row.until else "with no end"
    end = "until the upgrade is complete" if row.scope == OptOut.Scope.UPGRADE else until
    return f"{row.instance.name}, opted out by {row.owner} {end}: {row.reason}"


@audited("OptInUndone", ObjectKind.SCALE_SET)
def undo_opt_in(path: str, ids: Sequence[str], *, by: str, now: datetime) -> list[Instance]:
    """Keep opt-outs that are being ended (`opt_in` with `delay`), as they were. Raises Refused where one has ended; then none is kept."""
    with lookup.writing_to(path, now) as writer:
        rows = find_instances(writer.scale_set, ids)
        ending = in_force(now).filter(instance__in=rows).exclude(ending_by="")
        kept = _instances_with(rows, ending)
        if len(kept) < len(rows):
            too_late = ranges(row.number for row in rows if row not in kept)
            raise Refused("OperationNotAllowed", TOO_LATE.format(row=writer.scale_set, ids=too_late), target="ids")
        ending.update(until=F("until_before"), until_before=None, ending_by="")
        note(f"Kept the opt-outs of instances {ranges(row.number for row in kept)}.", after=_audit_values(kept))
        writer.changed(*kept, note=f"{by} took it back: it stays opted out.")
        writer.wake()
    return kept


@audited("OptOutUndone", ObjectKind.SCALE_SET)
def undo_opt_out(path: str, ids: Sequence[str], *, by: str, now: datetime) -> list[Instance]:
    """Undo what this person opted out within the last minute. An opt-out that was replaced by it holds again. Raises Refused."""
    with lookup.writing_to(path, now) as writer:
        rows = find_instances(writer.scale_set, ids)
        fresh = in_force(now).filter(instance__in=rows, owner=by, created_at__gte=now - OPT_OUT_UNDO_TIME)
        mine = list(fresh.select_related("instance"))
        if len(mine) < len(rows):
            others = ranges(row.number for row in rows if row.pk not in {opt_out.instance_id for opt_out in mine})
            raise Refused("OperationNotAllowed", NOT_FRESH.format(row=writer.scale_set, ids=others), target="ids")
        before = _audit_values(rows)
        _end(writer, rows, by)
        for opt_out in mine:
            _reopen(opt_out)
        note(
            f"Took the opt-outs of instances {ranges(row.number for row in rows)} back.",
            before=before,
            after=_audit_values(rows),
        )
        writer.changed(*rows, note=f"{by} took the opt-out back.")
        writer.wake()
    return rows


def _reopen(undone: OptOut) -> None:
    """Reopen the opt-out that the undone one had replaced, if any."""
    replaced = OptOut.objects.filter(
        instance=undone.instance_id, ended_at=undone.created_at, ended_by=undone.owner
    ).exclude(pk=undone.pk)
    if (last := replaced.order_by("-pk").first()) is not None:
        last.ended_at, last.ended_by = None, ""
        last.save(update_fields=["ended_at", "ended_by"])


def _instances_with(rows: Sequence[Instance], opt_outs: QuerySet[OptOut]) -> list[Instance]:
    """The instances among `rows` that have one of these opt-outs."""
    found = set(opt_outs.values_list("instance_id", flat=True))
    return [row for row in rows if row.pk in found]


def _audit_values(rows: Sequence[Instance]) -> dict[str, object]:
    """The open opt-outs of these instances, for the audit trail: equal ones together, each with the numbers of its instances."""
    numbers_by_values: dict[tuple[object, ...], list[int]] = {}
    open_opt_outs = OptOut.objects.filter(instance__in=rows, ended_at=None).order_by("instance__number")
    for number, *values in open_opt_outs.values_list(
        "instance__number", "owner", "reason", "scope", "created_at", "until"
    ):
        numbers_by_values.setdefault(tuple(values), []).append(number)
    names = ("owner", "reason", "scope", "since", "until")
    opt_outs = [
        {"instances": ranges(numbers), **dict(zip(names, values, strict=True))}
        for values, numbers in numbers_by_values.items()
    ]
    return {"opt-outs": opt_outs} if opt_outs else {}


def _end(writer: Writer, rows: Sequence[Instance], by: str) -> None:
    OptOut.objects.filter(instance__in=rows, ended_at=None).update(ended_at=writer.now, ended_by=by)


def find_instances(scale_set: ScaleSet, ids: Sequence[str]) -> list[Instance]:
    """The instances with these ids, in the same order, each once. Raises Refused where there is no such instance, or no id was given."""
    rows = {str(row.number): row for row in scale_set.instances.all()}
    unknown = [id for id in ids if id not in rows]
    if unknown or not ids:
        known_ids = f"{min(rows, key=int)} to {max(rows, key=int)}" if rows else "none"
        what = f"no instance {', '.join(unknown)}" if unknown else "no instance was named"
        raise Refused("ResourceNotFound", f"{scale_set}: {what}; its instances: {known_ids}", target=", ".join(unknown))
    return [rows[id] for id in dict.fromkeys(ids)]

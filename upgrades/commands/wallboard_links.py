"""Wallboard links: what can be read of the feed without signing in. Tokens are shown once, and never written anywhere."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from upgrades.commands.audit import audited, note
from upgrades.commands.errors import Refused
from upgrades.core.auditing import ObjectKind
from upgrades.core.feed_scope import origin_of
from upgrades.core.random_tokens import new_token, token_hash
from upgrades.models import ResourceGroup, ScaleSet, WallboardLink

MAX_NAME_LENGTH = 100
MAX_ORIGINS = 20


@audited("WallboardLinkCreated", ObjectKind.WALLBOARD_LINK)
def create_link(
    name: str,
    by: str,
    now: datetime,
    *,
    scale_sets: Sequence[str] = (),
    groups: Sequence[str] = (),
    origins: Sequence[str] = (),
) -> tuple[WallboardLink, str]:
    """Create a link to these scale sets ("group/name") and resource groups; without any, to all.

    Returns (link, token); the token cannot be read again. Raises Refused where the name is bad or in use, a scale set or a group does
    not exist, or an origin is not written as one.
    """
    name = _good_name(name)
    access, token = _checked_access(scale_sets, groups, origins), new_token()
    if WallboardLink.objects.filter(name=name, revoked_at=None).exists():
        raise _name_in_use(name)
    try:
        with transaction.atomic():
            row = WallboardLink(name=name, token_hash=token_hash(token), created_by=by, created_at=now, **access)
            row.save()
            note(f"Created the wallboard link {name} to {row.scope}.", after=access, object_id=row.pk)
    except IntegrityError:  # somebody else has created it since the check above
        raise _name_in_use(name) from None
    return row, token


def _good_name(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= MAX_NAME_LENGTH or not name.isprintable():
        message = f"a link's name must have 1 to {MAX_NAME_LENGTH} printable characters, not {name[:MAX_NAME_LENGTH]!r}"
        raise Refused("InvalidParameter", message, target="name")
    return name


def _name_in_use(name: str) -> Refused:
    message = f"there is a wallboard link {name!r} already; rotate it for a new token, or revoke it"
    return Refused("Conflict", message, target="name")


@audited("WallboardLinkChanged", ObjectKind.WALLBOARD_LINK)
def change_link(
    name: str,
    *,
    scale_sets: Sequence[str] = (),
    groups: Sequence[str] = (),
    origins: Sequence[str] = (),
    new_name: str = "",
) -> WallboardLink:
    """Let a link see other scale sets, be read from other origins, and have another name. It keeps its token.

    Who reads with it has to connect again, unless only its name has changed.
    """
    access = _checked_access(scale_sets, groups, origins)
    with transaction.atomic():
        row = _find(name)
        before, after = {"name": row.name, **_access_of(row)}, {"name": _good_name(new_name or name), **access}
        if before == after:
            return row
        if row.name != after["name"] and WallboardLink.objects.filter(name=after["name"], revoked_at=None).exists():
            raise _name_in_use(after["name"])
        row.revision += _access_of(row) != access
        for column, value in after.items():
            setattr(row, column, value)
        try:
            with transaction.atomic():
                row.save(update_fields=["name", "scale_sets", "groups", "origins", "revision"])
        except IntegrityError:  # somebody else has taken the name since the check above
            raise _name_in_use(row.name) from None
        note(f"Changed the wallboard link {name}: {_told(row, name)}", before=before, after=after, object_id=row.pk)
    return row


def _told(row: WallboardLink, name: str) -> str:
    renamed = f"its name is {row.name}, and " if row.name != name else ""
    return f"{renamed}it is to {row.scope}."


@audited("WallboardLinkRotated", ObjectKind.WALLBOARD_LINK)
def rotate_link(name: str, now: datetime) -> tuple[WallboardLink, str]:
    """Give a link a new token. Returns (link, token). The old token ends at once, and so does whatever is read with it."""
    with transaction.atomic():
        row, token = _find(name), new_token()
        before = {"rotated": row.rotated_at, "token": row.revision}
        row.token_hash, row.rotated_at = token_hash(token), now
        row.revision += 1
        row.save(update_fields=["token_hash", "rotated_at", "revision"])
        after = {"rotated": row.rotated_at, "token": row.revision}
        summary = f"Gave the wallboard link {name} a new token; the old one ended."
        note(summary, before=before, after=after, object_id=row.pk)
    return row, token


@audited("WallboardLinkRevoked", ObjectKind.WALLBOARD_LINK)
def revoke_link(name: str, now: datetime) -> WallboardLink:
    """End a link for ever, and whatever is read with it. Raises Refused where there is no such link, or it was revoked already."""
    with transaction.atomic():
        row = _find(name)
        row.revoked_at = now
        row.revision += 1
        row.save(update_fields=["revoked_at", "revision"])
        note(f"Revoked the wallboard link {name}.", before={"revoked": None}, after={"revoked": now}, object_id=row.pk)
    return row


def _find(name: str) -> WallboardLink:
    row = WallboardLink.objects.select_for_update().filter(name=name, revoked_at=None).first()
    if row is None:
        rows = WallboardLink.objects.filter(revoked_at=None).values_list("name", flat=True)
        names = ", ".join(rows[:10]) or "none"
        message = f"there is no wallboard link {name[:MAX_NAME_LENGTH]!r} that is not revoked; there are: {names}"
        raise Refused("ResourceNotFound", message, target="name")
    return row


def _access_of(row: WallboardLink) -> dict[str, Any]:
    return {"scale_sets": row.scale_sets, "groups": row.groups, "origins": row.origins}


def _checked_access(scale_sets: Sequence[str], groups: Sequence[str], origins: Sequence[str]) -> dict[str, Any]:
    """The columns that say what a link gives access to, and from which origins: sorted, in lower case. Raises Refused.

    A scale set or a group must exist: with a misspelt one the wallboard would be empty, and nobody would know why.
    """
    keys, names = _known(ScaleSet, "scale set", scale_sets), _known(ResourceGroup, "resource group", groups)
    if len(origins) > MAX_ORIGINS:
        raise Refused("InvalidParameter", f"a link has at most {MAX_ORIGINS} origins", target="origins")
    try:
        return {"scale_sets": keys, "groups": names, "origins": sorted({origin_of(origin) for origin in origins})}
    except ValueError as error:
        raise Refused("InvalidParameter", str(error), target="origins") from None


def _known(model: type[ScaleSet] | type[ResourceGroup], kind: str, given: Sequence[str]) -> list[str]:
    wanted = sorted({key.strip().lower() for key in given})
    known = set(model._default_manager.filter(key__in=wanted).values_list("key", flat=True))
    for key in wanted:
        if key not in known:
            raise Refused("ResourceNotFound", f"there is no {kind} {key[:200]!r}", target=kind)
    return wanted

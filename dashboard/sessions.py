"""Who of those who listen is still signed in. A socket outlives its request, and with it all that is checked of one."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.contrib.sessions.models import Session

CHUNK = 500  # in one query; a database takes so many values and no more


@dataclass(frozen=True, slots=True)
class SessionIdentity:
    """A session, whose it is, and the (hashed) password that it was opened with: a new one ends all sessions."""

    session: str
    user: int
    password: str


def gone(seats: Collection[SessionIdentity], now: datetime) -> set[SessionIdentity]:
    """Those who signed out meanwhile, or whose session or account ended."""
    every = sorted(seats, key=lambda one: one.session)
    chunks = [every[at : at + CHUNK] for at in range(0, len(every), CHUNK)]
    return {one for chunk in chunks for one in _gone(chunk, now)}


def _gone(seats: list[SessionIdentity], now: datetime) -> list[SessionIdentity]:
    sessions = set(
        Session.objects.filter(pk__in=[one.session for one in seats], expire_date__gt=now).values_list("pk", flat=True)
    )
    users = User.objects.filter(pk__in={one.user for one in seats}, is_active=True)
    passwords = dict(users.values_list("pk", "password"))
    return [one for one in seats if one.session not in sessions or passwords.get(one.user) != one.password]

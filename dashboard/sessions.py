"""Which of the feed's clients are still signed in. A socket lives on after its request, so the request's checks are not enough."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.contrib.sessions.models import Session

CHUNK = 500  # sessions in one query, since databases limit the number of values


@dataclass(frozen=True, slots=True)
class SessionIdentity:
    """A session, its user, and the (hashed) password of that time: a new password ends all sessions."""

    session: str
    user: int
    password: str


def ended_sessions(seats: Collection[SessionIdentity], now: datetime) -> set[SessionIdentity]:
    """The sessions that have ended: signed out, expired, the account inactive, or its password changed."""
    every = sorted(seats, key=lambda session: session.session)
    chunks = [every[at : at + CHUNK] for at in range(0, len(every), CHUNK)]
    return {session for chunk in chunks for session in _ended_of(chunk, now)}


def _ended_of(seats: list[SessionIdentity], now: datetime) -> list[SessionIdentity]:
    sessions = set(
        Session.objects.filter(pk__in=[session.session for session in seats], expire_date__gt=now).values_list(
            "pk", flat=True
        )
    )
    users = User.objects.filter(pk__in={session.user for session in seats}, is_active=True)
    passwords = dict(users.values_list("pk", "password"))
    return [
        session
        for session in seats
        if session.session not in sessions or passwords.get(session.user) != session.password
    ]

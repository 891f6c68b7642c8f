"""Signing in and out, and passwords: what Django does, written to the audit trail and in one line to the log."""

import logging
from datetime import datetime

from upgrades.commands import audit
from upgrades.core.auditing import Actor, Kind

log = logging.getLogger(__name__)


def signed_in(by: Actor, now: datetime) -> None:
    log.info("%r signed in from %s", by.name, by.came_from or "nowhere")
    audit.record("SignedIn", Kind.USER, by.name, "Signed in.", now=now, by=by, object_id=by.id)


def sign_in_refused(name: str, code: str, message: str, by: Actor, now: datetime) -> None:
    """`name` is empty where there is no such account: what was typed may be a password in the wrong field."""
    audit.record_refusal("SignInRefused", Kind.USER, name, code, message, now=now, by=by)


def signed_out(by: Actor, now: datetime) -> None:
    log.info("%r signed out from %s", by.name, by.came_from or "nowhere")
    audit.record("SignedOut", Kind.USER, by.name, "Signed out.", now=now, by=by, object_id=by.id)


def password_changed(name: str, user_id: object) -> None:
    """By whatever way: Django tells of each."""
    says = f"Set the password of {name}."
    audit.record("PasswordChanged", Kind.USER, name, says, object_id=user_id)

"""Records what people do through Django: signing in and out, and new passwords. Signing in and out is logged, too."""

import logging
from datetime import datetime

from upgrades.commands import audit
from upgrades.core.auditing import Actor, ObjectKind

log = logging.getLogger(__name__)


def signed_in(by: Actor, now: datetime) -> None:
    log.info("%r signed in from %s", by.name, by.came_from or "nowhere")
    audit.write_entry("SignedIn", ObjectKind.USER, by.name, "Signed in.", now=now, by=by, object_id=by.id)


def sign_in_refused(name: str, code: str, message: str, by: Actor, now: datetime) -> None:
    """Record a refused sign-in. `name` is empty where there is no such account: what was typed may be a password in the wrong field."""
    audit.record_refusal("SignInRefused", ObjectKind.USER, name, code, message, now=now, by=by)


def token_refused(name: str, by: Actor, now: datetime) -> None:
    """Record a refused request for a token. `name` is the client's, empty where there is no such client. The throttle logs it."""
    message = "The client's secret is not valid."
    audit.record_refusal("TokenRefused", ObjectKind.API_CLIENT, name, "InvalidCredentials", message, now=now, by=by)


def user_added(name: str, user_id: object, by: Actor) -> None:
    """Record a user that was added by the first start, or at the terminal. The admin records the users that it adds."""
    audit.write_entry("UserAdded", ObjectKind.USER, name, f"Added the user {name}.", by=by, object_id=user_id)


def signed_out(by: Actor, now: datetime) -> None:
    log.info("%r signed out from %s", by.name, by.came_from or "nowhere")
    audit.write_entry("SignedOut", ObjectKind.USER, by.name, "Signed out.", now=now, by=by, object_id=by.id)


def password_changed(name: str, user_id: object) -> None:
    """Record a changed password, whichever way it was changed."""
    summary = f"Set the password of {name}."
    audit.write_entry("PasswordChanged", ObjectKind.USER, name, summary, object_id=user_id)

"""Checks that program, database and secret key belong together, before anything is done with them."""

import hashlib
import hmac

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from upgrades.installation import PROGRAM
from upgrades.models import Subscription

OTHER_KEY = (
    "the secret key is not the one that this database was used with: it was lost or changed. Put the file secret-key, or "
    f"ROLLGRID_SECRET_KEY, back from a backup; or go on without it by `{PROGRAM} up --new-secret-key`: everyone signs in again, and scale "
    "sets with secrets must be put again"
)


def check_not_newer() -> None:
    """Refuse a database that a newer Rollgrid has changed: this one would misread it. Raises CommandError."""
    loader = MigrationLoader(connection, ignore_no_migrations=True)
    ours = {app for app, _ in loader.disk_migrations}
    unknown = sorted(key for key in loader.applied_migrations if key[0] in ours and key not in loader.disk_migrations)
    if not unknown:
        return
    app, newest = unknown[-1]
    known = max(name for label, name in loader.disk_migrations if label == app)
    raise CommandError(
        f"the database belongs to a newer version: it has {app}.{newest}, and this version knows up to {known}. "
        "Start the newer version, or restore a backup from before it"
    )


def check_secret_key(*, is_new: bool) -> None:
    """Remember the secret key's mark at the first start; refuse another key later. `is_new`: on purpose. Raises CommandError."""
    row, mark = Subscription.objects.get(), _mark(settings.SECRET_KEY)
    if row.secret_key_mark and row.secret_key_mark != mark and not is_new:
        raise CommandError(OTHER_KEY)
    if row.secret_key_mark != mark:
        Subscription.objects.filter(pk=row.pk).update(secret_key_mark=mark)


def _mark(key: str) -> str:
    """Text that tells keys apart and tells nothing of them."""
    return hmac.new(key.encode(), b"the key of this installation", hashlib.sha256).hexdigest()

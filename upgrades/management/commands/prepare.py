"""Makes the database ready for use: tables, the first user, and the demonstration where asked for. `manage.py up` calls it first."""

import json
import secrets
import sys
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, OperationalError, connection, transaction
from django.utils import timezone

from upgrades import atomic_files
from upgrades.commands import people
from upgrades.core.auditing import Actor, EntryPoint, Who
from upgrades.management import azure_emulator
from upgrades.management.installation import check_not_newer, check_secret_key
from upgrades.models import Location

FIRST_USER = "admin"
PASSWORD_FILE = "admin-password"


class Command(BaseCommand):
    help = "Migrates the database, creates the first user, and prints as its last line (JSON) what else must run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demo", action="store_true", help="make the demonstration fleet too")
        parser.add_argument("--machines", default="", help="the provider of the demonstration on real machines")
        parser.add_argument("--azure-emulator", action="store_true", help="make what the Azure emulator begins with")
        parser.add_argument("--new-secret-key", action="store_true", help="accept another secret key than before")

    def run_from_argv(self, argv: list[str]) -> None:
        """Says what keeps Rollgrid from starting as `manage.py up` says everything of the kind."""
        try:
            # Otherwise Django itself prints the error, with the name of its class before it.
            super().run_from_argv([*argv, "--traceback"])
        except CommandError as problem:
            sys.exit(f"rollgrid: {problem}")

    def handle(self, *, demo: bool, new_secret_key: bool, machines: str, **options: object) -> None:
        try:
            check_not_newer()
            call_command("migrate", interactive=False, verbosity=0)
        except (DatabaseError, ImproperlyConfigured) as error:
            what = "does not answer" if isinstance(error, OperationalError) else "cannot be used"
            why = " ".join(str(error).split())
            raise CommandError(f"the database {what}: {why}. Look at {_where()}") from error
        check_secret_key(is_new=new_secret_key)
        self.make_first_user()
        if demo:
            call_command("demo")
        if machines:
            call_command("demo_machines", machines, stdout=self.stdout)
        needed: dict[str, object] = {"simulator": Location.objects.filter(provider="simulated").exists()}
        if options.get("azure_emulator"):
            needed["azure_emulator"] = azure_emulator.make(timezone.now())
        self.stdout.write(json.dumps(needed))

    def make_first_user(self) -> None:
        """Once: whoever deletes `admin` later, with other users there, does not get it back."""
        users = get_user_model().objects
        if users.exists():
            return
        path: Path = settings.ROLLGRID_HOME / PASSWORD_FILE
        password = kept_password(path)
        with transaction.atomic():
            user = users.create_superuser(FIRST_USER, password=password)
            people.user_added(
                FIRST_USER, user.pk, Actor(Who.PLATFORM, "the first start", entry_point=EntryPoint.TERMINAL)
            )
        self.stdout.write(f"sign in as {FIRST_USER} with {password} (kept in {path})")


def _where() -> str:
    """Say where the database is, without its password."""
    own = settings.ROLLGRID_HOME / "rollgrid.sqlite3"
    return str(own) if connection.settings_dict["NAME"] == str(own) else "DATABASE_URL"


def kept_password(path: Path) -> str:
    """Return the password in this file, or a new one that is written there, readable by its owner only.

    An empty file, as a power cut leaves it, counts as none.
    """
    kept = path.read_text().strip() if path.exists() else ""  # an earlier first start got this far
    if kept:
        return kept
    password = secrets.token_urlsafe(15)
    atomic_files.replace(path, f"{password}\n".encode())
    return password

"""`manage.py api_client NAME --role viewer|operator|admin`: who may use the API."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from upgrades.commands.access import create_client, renew_secret, revoke_client
from upgrades.installation import PROGRAM
from upgrades.management.base import UpgradeCommand
from upgrades.management.credentials import credentials
from upgrades.models import ApiClient, Subscription


class Command(UpgradeCommand):
    help = "Creates an API client and prints its secret once; replaces the secret; or revokes the client."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--role", choices=ApiClient.Role.values, help="create the client with this role")
        what.add_argument(
            "--new-secret", action="store_true", help="replace the secret; the old one and all tokens end at once"
        )
        what.add_argument("--revoke", action="store_true", help="end its secret and all its tokens at once")
        parser.add_argument("--json", action="store_true", help="as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        name, now = options["name"], timezone.now()
        if options["revoke"]:
            revoke_client(name, now)
            self.stdout.write(f"revoked {name}: its secret and its tokens are no longer valid")
            return
        renewed = options["new_secret"]
        row, secret = renew_secret(name) if renewed else create_client(name, ApiClient.Role(options["role"]), now)
        self._say(row, secret, as_json=options["json"])

    def _say(self, row: ApiClient, secret: str, *, as_json: bool) -> None:
        try:
            said = credentials(row, secret)
        except Subscription.DoesNotExist:
            raise CommandError(f"the database has no subscription: run {PROGRAM} migrate first") from None
        if as_json:
            self.stdout.write(json.dumps(said))
            return
        for name, value in said.items():
            self.stdout.write(f"{name:<15} {value}")
        self.stdout.write("Keep the secret: it is shown this once.")

"""`manage.py start RG/NAME [--only-failed]`"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.upgrades import start
from upgrades.management.door import Door, me


class Command(Door):
    help = "Starts a rolling upgrade to the latest image by hand."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME")
        parser.add_argument(
            "--only-failed", action="store_true", help="of those that failed on the latest image, and no others"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        upgrade = start(options["path"], me(), timezone.now(), only_failed=options["only_failed"])
        whom = "those that failed in " if upgrade.only_failed else ""
        self.stdout.write(f"started the upgrade of {whom}{options['path']} to {upgrade.target_version}")

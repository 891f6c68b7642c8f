"""`manage.py start RG/NAME`"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.upgrades import start
from upgrades.management.door import Door, me


class Command(Door):
    help = "Starts a rolling upgrade to the latest image by hand."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        upgrade = start(options["path"], me(), timezone.now())
        self.stdout.write(f"started the upgrade of {options['path']} to {upgrade.target_version}")

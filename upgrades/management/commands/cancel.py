"""`manage.py cancel RG/NAME`"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.upgrades import cancel
from upgrades.management.base import UpgradeCommand, user_name


class Command(UpgradeCommand):
    help = "Cancels the running upgrade; its running batch is finished first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        upgrade = cancel(options["path"], user_name(), timezone.now())
        self.stdout.write(f"the {upgrade.called(options['path'])} stops at the end of its batch")

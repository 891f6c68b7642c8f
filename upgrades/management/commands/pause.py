"""`manage.py pause RG/NAME`"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.steering import pause
from upgrades.management.base import UpgradeCommand, user_name


class Command(UpgradeCommand):
    help = "Pauses an upgrade: the running batch is finished, and no other begins until somebody resumes the upgrade."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        upgrade = pause(options["path"], user_name(), timezone.now())
        self.stdout.write(f"the {upgrade.called(options['path'])} is paused by {upgrade.paused_by}")

"""`manage.py next_batch RG/NAME`"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.steering import next_batch_now
from upgrades.management.base import UpgradeCommand, user_name


class Command(UpgradeCommand):
    help = "Ends the pause between two batches; all other rules still hold."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        upgrade = next_batch_now(options["path"], user_name(), timezone.now())
        self.stdout.write(f"the {upgrade.called(options['path'])} goes on with its next batch")

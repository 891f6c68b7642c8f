"""`manage.py retry RG/NAME`"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.steering import retry_now
from upgrades.management.base import UpgradeCommand, user_name


class Command(UpgradeCommand):
    help = "Tries a stopped upgrade, and machines that could not be created, again at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        upgrade = retry_now(options["path"], user_name(), timezone.now())
        what = (
            f"the {upgrade.called(options['path'])} is" if upgrade else f"the missing machines of {options['path']} are"
        )
        self.stdout.write(f"{what} tried again at once")

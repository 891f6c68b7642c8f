"""`manage.py resume RG/NAME`"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.steering import resume
from upgrades.management.base import UpgradeCommand, user_name


class Command(UpgradeCommand):
    help = "Resumes a paused upgrade."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        upgrade = resume(options["path"], user_name(), timezone.now())
        self.stdout.write(f"the {upgrade.called(options['path'])} goes on")

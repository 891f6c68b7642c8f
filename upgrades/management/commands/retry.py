"""`manage.py retry RG/NAME`"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.steering import retry_now
from upgrades.management.door import Door, me


class Command(Door):
    help = "Has the platform try a stopped upgrade again at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        upgrade = retry_now(options["path"], me(), timezone.now())
        self.stdout.write(f"the {upgrade.called(options['path'])} is tried again at once")

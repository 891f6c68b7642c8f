"""`manage.py release RG/NAME ID ...`"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.steering import release
from upgrades.management.base import UpgradeCommand, user_name


class Command(UpgradeCommand):
    help = "Ends the quarantine of instances that failed too often: the platform upgrades them again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME")
        parser.add_argument("ids", metavar="ID", nargs="+")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = release(options["path"], options["ids"], by=user_name(), now=timezone.now())
        self.stdout.write(f"released: {', '.join(row.name for row in rows) or 'none, because none of them had failed'}")

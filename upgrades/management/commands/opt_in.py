"""`manage.py opt_in RG/NAME ID ...`"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.opt_outs import opt_in
from upgrades.management.base import UpgradeCommand, me


class Command(UpgradeCommand):
    help = "Ends the opt-outs of instances."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME")
        parser.add_argument("ids", metavar="ID", nargs="+")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = opt_in(options["path"], options["ids"], owner=me(), now=timezone.now())
        self.stdout.write(f"opted in: {', '.join(row.name for row in rows)}")

"""`manage.py withdraw_approval RG/NAME [--instances ID ...]`"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.approvals import withdraw_approval
from upgrades.management.base import UpgradeCommand, user_name


class Command(UpgradeCommand):
    help = "Withdraws approvals of all instances that no batch has taken yet, or of the named ones."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME")
        parser.add_argument("--instances", metavar="ID", nargs="+", help="only these instances")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = withdraw_approval(options["path"], options["instances"], by=user_name(), now=timezone.now())
        names = ", ".join(row.name for row in rows)
        self.stdout.write(f"approval withdrawn: {names or 'none, because none of them was approved and not yet taken'}")

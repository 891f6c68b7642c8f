"""`manage.py approve RG/NAME [--instances ID ...]`"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.approvals import approve
from upgrades.management.base import UpgradeCommand, user_name


class Command(UpgradeCommand):
    help = "Approves instances for a deferred upgrade: all that wait, or the named ones."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME")
        parser.add_argument("--instances", metavar="ID", nargs="+", help="only these instances")

    def handle(self, *args: Any, **options: Any) -> None:
        approval = approve(options["path"], options["instances"], by=user_name(), now=timezone.now())
        names = ", ".join(row.name for row in approval.instances)
        self.stdout.write(f"approved for {approval.version}: {names or 'none, because none of them waited for it'}")

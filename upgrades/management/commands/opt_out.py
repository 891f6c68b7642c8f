"""`manage.py opt_out RG/NAME ID ... --reason R [--until D]`"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.opt_outs import opt_out
from upgrades.management.base import UpgradeCommand, read_time, user_name
from upgrades.models import OptOut


class Command(UpgradeCommand):
    help = "Opts instances out of upgrades, for 14 days by default."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME")
        parser.add_argument("ids", metavar="ID", nargs="+")
        parser.add_argument("--reason", required=True)
        end = parser.add_mutually_exclusive_group()
        end.add_argument("--until", metavar="D", type=read_time, help="a date or time, UTC unless it has a zone")
        end.add_argument(
            "--this-upgrade",
            action="store_true",
            help="until the upgrade that runs now, or waits to be tried again, is complete",
        )
        end.add_argument("--for-ever", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = opt_out(
            options["path"],
            options["ids"],
            reason=options["reason"],
            owner=user_name(),
            now=timezone.now(),
            until=options["until"],
            for_ever=options["for_ever"],
            scope=OptOut.Scope.UPGRADE if options["this_upgrade"] else OptOut.Scope.UNTIL,
        )
        self.stdout.write(f"opted out: {', '.join(row.name for row in rows)}")

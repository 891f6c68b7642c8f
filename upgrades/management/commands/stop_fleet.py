"""`manage.py stop_fleet --reason R [--until D]`"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.fleet_stops import stop_fleet
from upgrades.management.base import UpgradeCommand, read_time, user_name
from upgrades.management.text import moment


class Command(UpgradeCommand):
    help = "Stops all automatic upgrades of the fleet, for a day by default; running batches are finished first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", required=True)
        parser.add_argument("--until", metavar="D", type=read_time, help="a date or time, UTC unless it has a zone")

    def handle(self, *args: Any, **options: Any) -> None:
        row = stop_fleet(reason=options["reason"], owner=user_name(), now=timezone.now(), until=options["until"])
        until = f" until {moment(row.until)}" if row.until else ""
        self.stdout.write(f"all automatic upgrades are stopped{until}")

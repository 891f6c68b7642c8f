"""`manage.py end_fleet_stop`"""

from typing import Any

from django.utils import timezone

from upgrades.commands.fleet_stops import end_fleet_stop
from upgrades.management.base import UpgradeCommand, user_name


class Command(UpgradeCommand):
    help = "Ends the fleet stop: automatic upgrades go on."

    def handle(self, *args: Any, **options: Any) -> None:
        row = end_fleet_stop(by=user_name(), now=timezone.now())
        self.stdout.write(f"automatic upgrades go on; they were stopped by {row.owner}: {row.reason}")

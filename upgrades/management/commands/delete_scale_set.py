"""`manage.py delete_scale_set RG/NAME`"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.scale_sets import delete_scale_set
from upgrades.management.base import UpgradeCommand


class Command(UpgradeCommand):
    help = "Deletes a scale set and its machines, data disks included."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        delete_scale_set(options["path"], timezone.now())
        self.stdout.write(f"{options['path']} is being deleted")

"""`manage.py put_scale_set RG/NAME FILE.json`: creates a scale set, or gives it another model."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.scale_sets import set_model
from upgrades.management.base import UpgradeCommand, body_of, read_json


class Command(UpgradeCommand):
    help = "Creates or changes a scale set from an ARM document (request examples of Azure's specification work)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/NAME")
        parser.add_argument("file", metavar="FILE.json", help='"-" reads standard input')

    def handle(self, *args: Any, **options: Any) -> None:
        put = set_model(options["path"], body_of(read_json(options["file"])), timezone.now())
        for warning in put.warnings:
            self.stderr.write(f"warning: {warning}")
        row = put.scale_set
        word = "created" if put.created else "changed"
        instances = "instance" if row.capacity == 1 else "instances"
        self.stdout.write(f"{word} {row}: {row.capacity} {instances} of {row.sku} in {row.location.name}")

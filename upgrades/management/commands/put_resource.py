"""`manage.py put_resource RG/TYPE/NAME FILE.json`: a network, or another resource that scale sets refer to."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.resources import change_resource
from upgrades.management.base import UpgradeCommand, body_of, read_json


class Command(UpgradeCommand):
    help = (
        "Creates or changes a stored resource from an ARM document, such as a network; scale sets refer to it by its id. "
        "TYPE is Azure's, Microsoft.Network/virtualNetworks for one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", metavar="RG/TYPE/NAME")
        parser.add_argument("file", metavar="FILE.json", help='"-" reads standard input')

    def handle(self, *args: Any, **options: Any) -> None:
        body = body_of(read_json(options["file"]))
        change_resource(options["path"], lambda row: body, timezone.now())
        self.stdout.write(f"put {options['path']}")

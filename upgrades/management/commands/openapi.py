"""`manage.py openapi`: the API as an OpenAPI document."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from upgrades.arm.openapi import document
from upgrades.installation import address


class Command(BaseCommand):
    help = "Prints the API as an OpenAPI document, for tools that make clients and requests of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--address", metavar="URL", help="of the server; as a rule the one of this state folder")

    def handle(self, *args: Any, **options: Any) -> None:
        where = options["address"] or address(settings.ROLLGRID_HOME)
        self.stdout.write(json.dumps(document(where), indent=1))

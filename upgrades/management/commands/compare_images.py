"""`manage.py compare_images PUBLISHER OFFER SKU FROM TO --location L [--json]`: what changes from one image version to another."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from upgrades import catalog
from upgrades.core.image_contents import changes_between, changes_to_json
from upgrades.management.base import UpgradeCommand
from upgrades.management.image_changes import in_full
from upgrades.models.imported_image import contents_of_versions


class Command(UpgradeCommand):
    help = "Shows what changes from one imported image version to another: OS, kernel, and each package."

    def add_arguments(self, parser: CommandParser) -> None:
        for name in ("publisher", "offer", "sku", "from", "to"):
            parser.add_argument(name, metavar=name.upper())
        parser.add_argument("--location", required=True, metavar="L", help="where both were imported")
        parser.add_argument("--json", action="store_true", help="the same as JSON in one line, for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        location = catalog.find_location(options["location"])
        sku = catalog.find_sku(options["publisher"], options["offer"], options["sku"])
        if location is None or sku is None:
            raise CommandError(f"there is no such {'SKU' if location else 'location'}; the admin site lists them")
        older, newer = options["from"], options["to"]
        known = contents_of_versions(sku, location, (older, newer))
        changes = changes_between(older, known.get(older), newer, known.get(newer))
        lines = [json.dumps(changes_to_json(changes))] if options["json"] else in_full(changes)
        for line in lines:
            self.stdout.write(line)

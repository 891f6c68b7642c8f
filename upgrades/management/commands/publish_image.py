"""`manage.py publish_image PUBLISHER OFFER SKU VERSION [--location L ...]`"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.images import publish_image
from upgrades.core.facts import ImageReference
from upgrades.management.base import UpgradeCommand


class Command(UpgradeCommand):
    help = "Publishes a version of a supported image; the scale sets that follow it are upgraded by themselves."

    def add_arguments(self, parser: CommandParser) -> None:
        for name in ("publisher", "offer", "sku", "version"):
            parser.add_argument(name, metavar=name.upper())
        parser.add_argument("--location", action="append", default=[], metavar="L", help="only there (may be repeated)")

    def handle(self, *args: Any, **options: Any) -> None:
        reference = ImageReference(*(options[name] for name in ("publisher", "offer", "sku", "version")))
        followers = publish_image(reference, timezone.now(), locations=options["location"])
        where = ", ".join(options["location"]) or "all locations"
        self.stdout.write(f"published {reference} in {where}; scale sets that follow it: {len(followers)}")

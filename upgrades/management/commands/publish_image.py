"""`manage.py publish_image PUBLISHER OFFER SKU VERSION [--location L ...] [--yes]`"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades.commands.images import preview_publication, publish_image
from upgrades.core.facts import ImageReference
from upgrades.management.base import UpgradeCommand, add_yes, agree, is_at_a_terminal


class Command(UpgradeCommand):
    help = (
        "Publishes a version of a supported image; scale sets that follow it are upgraded automatically. A person at "
        "a terminal sees which these are and is asked first; a script is not."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        for name in ("publisher", "offer", "sku", "version"):
            parser.add_argument(name, metavar=name.upper())
        parser.add_argument(
            "--location", action="append", default=[], metavar="L", help="only in this location (may be repeated)"
        )
        add_yes(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        reference = ImageReference(*(options[name] for name in ("publisher", "offer", "sku", "version")))
        places = options["location"]
        if is_at_a_terminal():
            agree(
                preview_publication(reference, locations=places).sentences, f"Publish {reference}?", yes=options["yes"]
            )
        followers = publish_image(reference, timezone.now(), locations=places)
        where = ", ".join(places) or "all locations"
        self.stdout.write(f"published {reference} in {where}; scale sets that follow it: {len(followers)}")

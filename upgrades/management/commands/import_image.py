"""`manage.py import_image FILE PUBLISHER OFFER SKU VERSION --location L`: an image file becomes a published version of a location."""

import re
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from upgrades.commands.images import preview_publication, publish_image
from upgrades.commands.importing import import_image
from upgrades.core.facts import ImageReference
from upgrades.management.base import UpgradeCommand, add_yes, agree, check_queue, is_at_a_terminal
from upgrades.management.image_changes import summary
from upgrades.models import Location
from upgrades.providers.base import ProviderError

SHA256 = re.compile(r"[0-9a-fA-F]{64}")


class Command(UpgradeCommand):
    help = (
        "Gives an image file to the provider of a location and publishes it there as a version; scale sets that follow it are upgraded "
        "automatically. Importing the same file again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)
        for name in ("publisher", "offer", "sku", "version"):
            parser.add_argument(name, metavar=name.upper())
        parser.add_argument("--location", required=True, metavar="L")
        checksum = parser.add_mutually_exclusive_group()
        checksum.add_argument("--sha256", default="", help="what the file must have")
        checksum.add_argument("--sha256sums", type=Path, metavar="FILE", help="a file of sha256sum that names it")
        parser.add_argument(
            "--root", type=Path, metavar="FILE", help="its root file system, where FILE has only the metadata (Incus)"
        )
        parser.add_argument("--no-publish", action="store_true", help="only give it to the provider")
        add_yes(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        reference = ImageReference(*(options[name] for name in ("publisher", "offer", "sku", "version")))
        location = Location.objects.filter(name=options["location"].lower()).first()
        if location is None:
            raise CommandError(f"there is no location {options['location']!r}")
        check_queue(location)
        if options["root"] and options["sha256sums"]:
            raise CommandError(
                "--sha256sums goes without --root; --sha256 is then of both, one after the other (Incus' fingerprint)"
            )
        checksum = _checksum(options)
        if not options["no_publish"]:
            publication = preview_publication(reference, locations=[location.name])
            if is_at_a_terminal():
                agree(publication.sentences, f"Import and publish {reference}?", yes=options["yes"])
        try:
            done = import_image(reference, location, options["file"], checksum, timezone.now(), root=options["root"])
        except ProviderError as error:
            raise CommandError(f"{error.code}: {error.message}") from error
        self.stdout.write(f"imported {reference}: {done.place}")
        self.stdout.write(f"  {summary(done.contents, done.size)}")
        if not options["no_publish"]:
            followers = publish_image(reference, timezone.now(), locations=[location.name])
            self.stdout.write(f"published it in {location.name}; scale sets that follow it: {len(followers)}")


def _checksum(options: dict[str, Any]) -> str:
    """The sha256 that the file must have, "" where none was given."""
    given: str = options["sha256"]
    if options["sha256sums"]:
        given = _listed(options["sha256sums"], options["file"].name)
    if given and not SHA256.fullmatch(given):
        raise CommandError(f"a sha256 is 64 hexadecimal digits, not {given!r}")
    return given


def _listed(sums: Path, name: str) -> str:
    try:
        lines = sums.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{sums} cannot be read: {error}") from error
    for line in lines:
        digest, _, named = line.partition(" ")
        if named.strip().removeprefix("*").removeprefix("./") == name:
            return digest
    raise CommandError(f"{sums} does not name {name}")

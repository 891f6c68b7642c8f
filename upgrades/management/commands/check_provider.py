"""`manage.py check_provider NAME --location L --sku PUBLISHER:OFFER:SKU`: does a provider keep its contract, on its real machines?"""

from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from upgrades import providers
from upgrades.core import versions
from upgrades.core.facts import ImageReference
from upgrades.management.base import UpgradeCommand, check_queue
from upgrades.models import ImageSku, Location
from upgrades.providers.base import Capabilities, Provider, ProviderError
from upgrades.providers.checks import running
from upgrades.providers.checks.running import GROUPS, Verdict, may_and_may_not

OPERATION_SECONDS = 300.0
NEEDED_VERSIONS = 2


class Command(UpgradeCommand):
    help = (
        "Checks that a provider keeps the contract: makes machines in a location, reimages, restores and deletes them, a few at a time, "
        "and says what failed. What it made is taken away; machines of scale sets are not touched."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help=f"the location's provider: {', '.join(providers.names())}")
        parser.add_argument("--location", required=True, metavar="L")
        parser.add_argument("--sku", required=True, metavar="PUBLISHER:OFFER:SKU", type=_sku)
        parser.add_argument(
            "--versions",
            nargs="+",
            metavar="V",
            help="two or three versions of the image, older ones first; otherwise the newest that are published there",
        )
        parser.add_argument("--only", choices=sorted(GROUPS), nargs="+", help="these groups of checks")
        parser.add_argument(
            "--seconds", type=float, default=OPERATION_SECONDS, help="how long an operation may take (300)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        location = _location(options["location"], options["name"])
        image, chosen = options["sku"], _versions(options["sku"], location, options["versions"])
        home = Path(settings.ROLLGRID_HOME)
        make = lambda: providers.load(location.provider, home, location.settings)  # noqa: E731
        capabilities = _capabilities(make)
        groups = tuple(options["only"] or GROUPS)
        self.stdout.write(_title(location, image, chosen))
        counts: Counter[Verdict] = Counter()
        for result in running.run(make, image, chosen, groups, options["seconds"]):
            counts[result.verdict] += 1
            self.stdout.write(f"{result.verdict:<9}{result.check.says}")
            for line in result.why:
                self.stdout.write(f"         {line}")
            for instance in result.left:
                self.stdout.write(
                    f"         instance {instance} of {result.scale_set} could not be taken away: delete it by hand"
                )
        for sentence in may_and_may_not(capabilities):
            self.stdout.write(sentence)
        self.stdout.write(", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict))
        if counts[Verdict.FAILED]:
            raise CommandError("the provider does not keep its contract here")


def _sku(text: str) -> ImageReference:
    parts = text.split(":")
    if len(parts) != 3 or not all(parts):
        raise ArgumentTypeError(f"{text!r} is not PUBLISHER:OFFER:SKU")
    publisher, offer, sku = parts
    return ImageReference(publisher, offer, sku, "")


def _title(location: Location, image: ImageReference, chosen: tuple[str, ...]) -> str:
    sku = f"{image.publisher}:{image.offer}:{image.sku}"
    return f"Checks of {location.provider} in {location.name}, {sku} {', '.join(dict.fromkeys(chosen))}"


def _location(name: str, provider: str) -> Location:
    row = Location.objects.filter(name=name.lower()).first()
    if row is None:
        there = ", ".join(Location.objects.values_list("name", flat=True)) or "none yet"
        raise CommandError(f"there is no location {name!r}; there are: {there}")
    if row.provider != provider:
        raise CommandError(f"the provider of {row.name} is {row.provider!r}, not {provider!r}")
    check_queue(row)
    return row


def _versions(image: ImageReference, location: Location, given: list[str] | None) -> tuple[str, str, str]:
    """Three versions, the older ones first; where there are two, the last one twice."""
    if given:
        chosen = given[:3]
    else:
        row = ImageSku.objects.filter(key=ImageSku.key_of(image.publisher, image.offer, image.sku)).first()
        chosen = sorted(row.versions_in(location), key=versions.parse)[-3:] if row else []
    if len(set(chosen)) < NEEDED_VERSIONS:
        raise CommandError(
            f"{image.publisher}:{image.offer}:{image.sku} has {len(set(chosen))} versions in {location.name}, and two are needed: publish "
            "them, or name them with --versions"
        )
    return (chosen[0], chosen[1], chosen[-1])


def _capabilities(make: Callable[[], Provider]) -> Capabilities:
    try:
        return running.capabilities_of(make)
    except ProviderError as error:
        raise CommandError(f"{error.code}: {error.message}") from error

"""The image catalogue, read only: what is supported where, and what a name means there."""

from django.db.models import Q

from upgrades.models import ImageSku, Location


def find_location(name: str) -> Location | None:
    """By its name or display name, in any case and with or without spaces, as Azure's clients write it."""
    return Location.objects.filter(name=name.replace(" ", "").lower()).first()


def find_sku(publisher: str, offer: str, sku: str) -> ImageSku | None:
    return ImageSku.objects.filter(key=ImageSku.key_of(publisher, offer, sku)).first()


def supported_skus(location: Location | None = None) -> list[ImageSku]:
    """The supported SKUs (of that location), by name."""
    rows = ImageSku.objects.all()
    if location is not None:
        rows = rows.filter(Q(limited_to=None) | Q(limited_to=location)).distinct()
    return list(rows)


def list_of_skus(location: Location | None = None) -> str:
    """For people: "Canonical:UbuntuServer:16.04-LTS, ..."."""
    return ", ".join(str(row) for row in supported_skus(location)) or "none"

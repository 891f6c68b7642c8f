"""Finding the things that people name."""

import re

from upgrades.commands.errors import Refused
from upgrades.models import ScaleSet

NAME = re.compile(r"[\w\-.()]{1,90}")


def scale_set(path: str) -> ScaleSet:
    """By "resource group/name", in any case. Raises Refused."""
    group, name = split(path)
    row = ScaleSet.objects.filter(key=ScaleSet.key_of(group, name)).first()
    if row is None or row.deleting:
        there_are = ", ".join(str(one) for one in ScaleSet.objects.filter(deleting=False)[:10]) or "none yet"
        raise Refused("ResourceNotFound", f"there is no scale set {path!r}; there are: {there_are}", target=path)
    return row


def split(path: str) -> tuple[str, str]:
    """ "group/name" -> (group, name). Raises Refused for what cannot be a name."""
    group, _, name = path.partition("/")
    if not NAME.fullmatch(group) or not NAME.fullmatch(name):
        message = f"a resource is named RESOURCE_GROUP/NAME, of letters, digits, - _ . and (), not {path!r}"
        raise Refused("InvalidParameter", message, target=path)
    return group, name

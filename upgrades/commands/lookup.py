"""Finds the scale sets that people name, and opens the transaction of a command on one."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import IntegrityError

from upgrades.commands.errors import Refused
from upgrades.feed.writing import Writer, writing
from upgrades.models import ScaleSet

GROUP = re.compile(r"[\w\-.()]{0,89}[\w\-()]")
NAME = re.compile(r"[\w\-.()]{0,79}[\w\-()]")
MAX_KEY_LENGTH = 180  # letters of group and name together; in some scripts the lower case is longer

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def scale_set(path: str) -> ScaleSet:
    """The scale set "group/name", in upper or lower case. Raises Refused where there is none, or it is being deleted."""
    group, name = split(path)
    row = ScaleSet.objects.filter(key=ScaleSet.key_of(group, name)).first()
    if row is None or row.deleting:
        raise _not_found(path)
    return row


def _not_found(path: str) -> Refused:
    names = ", ".join(str(scale_set) for scale_set in ScaleSet.objects.filter(deleting=False)[:10]) or "none yet"
    return Refused("ResourceNotFound", f"there is no scale set {path!r}; there are: {names}", target=path)


@contextmanager
def writing_to(path: str, now: datetime) -> Iterator[Writer]:
    """Open the transaction of a command on a scale set, with its row locked. Raises Refused where there is none, or it is being deleted."""
    found = scale_set(path)
    try:
        with writing(now, found.pk) as writer:
            if writer.scale_set.deleting:
                raise _not_found(path)
            yield writer
    except ScaleSet.DoesNotExist:
        raise _not_found(path) from None


def split(path: str) -> tuple[str, str]:
    """ "group/name" -> (group, name). Raises Refused where either is not a valid name."""
    group, _, name = path.partition("/")
    fits = GROUP.fullmatch(group) and NAME.fullmatch(name) and len(ScaleSet.key_of(group, name)) <= MAX_KEY_LENGTH
    if not fits:
        message = (
            "a resource is named RESOURCE_GROUP/NAME, of at most 90 and 80 letters, digits, - _ . and (), "
            f"without a dot at the end, not {path[:200]!r}"
        )
        raise Refused("InvalidParameter", message, target=path)
    return group, name


def retry_on_conflict(command: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Call a command once more if somebody created or deleted what it works on between its lookup and its lock."""

    @wraps(command)
    def wrapper(*args: Given.args, **options: Given.kwargs) -> Answer:
        try:
            return command(*args, **options)
        except (IntegrityError, ScaleSet.DoesNotExist):
            return command(*args, **options)

    return wrapper

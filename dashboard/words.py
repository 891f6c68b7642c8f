"""Codes in words, in the language of the page."""

from collections.abc import Iterator
from enum import StrEnum

from django.utils.translation import gettext

from upgrades.core.auditing import EntryPoint, ObjectKind, Who
from upgrades.core.states import Health, InstanceUpgradeState

SPOKEN: tuple[type[StrEnum], ...] = (Health, InstanceUpgradeState, EntryPoint, ObjectKind, Who)


def word(code: str) -> str:
    """The word for a code: "rolled back" for `rolled_back`; "" for ""."""
    return gettext(_plain(code)) if code else ""


def texts() -> Iterator[str]:
    """All words that can be asked for, for the catalogue of texts."""
    return (_plain(code) for codes in SPOKEN for code in codes)


def _plain(code: str) -> str:
    return code.replace("_", " ")

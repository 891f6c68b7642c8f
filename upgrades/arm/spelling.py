"""How fields are spelled, however they came: names of JSON have a case, and clients of Azure do not care for it."""

from collections.abc import Mapping
from typing import Any

from upgrades.core.azure_types import spellings
from upgrades.core.spellings import effective_spelling


class Names:
    """Under which names an object's fields stand, for finding them in any case."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body = body
        self.alike: dict[str, list[str]] = {}
        for name in body:
            self.add(name)

    def add(self, name: str) -> None:
        self.alike.setdefault(name.lower(), []).append(name)

    def find(self, name: str) -> str:
        """The one that counts; the given one where there is none."""
        alike = self.alike.get(name.lower(), [])
        return effective_spelling(self.body, spellings().get(name.lower(), name), alike) or name

    def take(self, name: str) -> list[str]:
        """All of that name, which are to go."""
        return self.alike.pop(name.lower(), [])

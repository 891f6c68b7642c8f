"""A scale set's model as clients see it, read once for rendering all its instances."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from upgrades.arm import extensions
from upgrades.arm.scale_sets import shown
from upgrades.core.json_fields import get_field
from upgrades.core.model_parts import WantedModel
from upgrades.models import Instance, ScaleSet


@dataclass(frozen=True, slots=True)
class ShownModel:
    """`document`: the whole one. `extensions`: {name in lower case: properties}. `wanted`: for telling which instances lack some of it."""

    document: Mapping[str, Any]
    profile: Mapping[str, Any]
    extensions: Mapping[str, Mapping[str, Any]]
    computer_name_prefix: str
    wanted: WantedModel

    @classmethod
    def of(cls, scale_set: ScaleSet, *, with_user_data: bool = False) -> "ShownModel":
        document = shown(scale_set, with_user_data=with_user_data)
        profile = get_field(document, "properties", "virtualMachineProfile") or {}
        named = {
            str(get_field(each, "name")).lower(): get_field(each, "properties") or {}
            for each in extensions.extensions_of(document)
        }
        prefix = get_field(profile, "osProfile", "computerNamePrefix") or scale_set.name
        return cls(document, profile, named, prefix, scale_set.wanted_model())

    def computer_name(self, row: Instance) -> str:
        """As its machine has it."""
        return f"{self.computer_name_prefix}{row.number:06d}"

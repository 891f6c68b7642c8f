"""Azure's types: the fields of a document's objects, with their types and API versions, and the values of enumerations.

The data is in `types.json`, which `make azure-types` makes from Azure's own Python packages. It covers all versions of the API since 2015.
An object within another has a type that is named after its place, such as "VirtualMachineScaleSet.properties".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PLAIN = frozenset({"text", "whole", "number", "switch", "duration", "time", "any"})
RELEASED = "2018-10-01"  # the version of the API with which automatic OS upgrades left their preview
SCALE_SET = "VirtualMachineScaleSet"
INSTANCE = "VirtualMachineScaleSetVM"
EXTENSION = "VirtualMachineScaleSetExtension"
LOAD_BALANCER = "LoadBalancer"
RESOURCE_GROUP = "ResourceGroup"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a type.

    `type`: one of PLAIN, an enumeration or another type; `[type]` for a list, `{type}` for an object whose names the client chooses.
    `first`, `last`: the first and last version of the API that have the field; `last` is the newest known version if Azure still has it.
    """

    name: str
    type: str
    first: str
    last: str
    is_read_only: bool

    @property
    def is_preview_only(self) -> bool:
        """Did only the preview of automatic OS upgrades have the field?"""
        return self.last < RELEASED


@cache
def _data() -> Any:
    return json.loads(Path(__file__).with_name("types.json").read_text("utf-8"))


@cache
def fields_of(type: str) -> Mapping[str, Field]:
    """The fields of a type, by name in lower case; {} for a type that has no fields of its own.

    >>> fields_of("UpgradePolicy")["automaticosupgrade"].last
    '2018-06-01'
    """
    known = _data()["types"].get(type, {}).items()
    return {
        name.lower(): Field(name, entry[0], entry[1], entry[2], len(entry) > 3 and entry[3] == "read-only")
        for name, entry in known
    }


@cache
def spellings() -> Mapping[str, str]:
    """Azure's spelling of each field name, of all types together, by the name in lower case."""
    return {name.lower(): name for known in _data()["types"].values() for name in known}


@cache
def enum_values(type: str) -> Mapping[str, str]:
    """An enumeration's values as Azure spells them, by the value in lower case; {} for other types.

    >>> enum_values("UpgradeMode")["rolling"]
    'Rolling'
    """
    return {word.lower(): word for word in _data()["enums"].get(type, ())}


def element(type: str) -> str:
    """The type of a list's or map's elements; any other type as it is.

    >>> element("[VirtualMachineScaleSetExtension]")
    'VirtualMachineScaleSetExtension'
    """
    return type.strip("[]{}")

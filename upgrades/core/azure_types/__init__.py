"""Azure's types: which members a document's objects have, of which types, in which versions of the API, and the words of enumerations.

The data is `types.json`, made by `make azure-types` from Azure's own Python packages: all versions of the API from 2015 on together. A type
of one object within another is named after its place, such as "VirtualMachineScaleSet.properties".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PLAIN = frozenset({"text", "whole", "number", "switch", "duration", "time", "any"})
RELEASED = "2018-10-01"
SCALE_SET = "VirtualMachineScaleSet"
INSTANCE = "VirtualMachineScaleSetVM"
LOAD_BALANCER = "LoadBalancer"
RESOURCE_GROUP = "ResourceGroup"


@dataclass(frozen=True, slots=True)
class Member:
    """`type`: one of PLAIN, an enumeration or another type; of a list `[type]`, of an object with names of the client's own `{type}`.

    `first` and `last`: the versions of the API that have it; `last` is the newest known one for what Azure has today.
    """

    name: str
    type: str
    first: str
    last: str
    is_read_only: bool

    @property
    def is_of_the_preview(self) -> bool:
        """It was gone when automatic OS upgrades came out of their preview."""
        return self.last < RELEASED


@cache
def _data() -> Any:
    return json.loads(Path(__file__).with_name("types.json").read_text("utf-8"))


@cache
def members(type: str) -> Mapping[str, Member]:
    """By name in lower case; none for what is no object with members of its own.

    >>> members("UpgradePolicy")["automaticosupgrade"].last
    '2018-06-01'
    """
    known = _data()["types"].get(type, {}).items()
    return {
        name.lower(): Member(name, entry[0], entry[1], entry[2], len(entry) > 3 and entry[3] == "read-only")
        for name, entry in known
    }


@cache
def spellings() -> Mapping[str, str]:
    """How Azure spells each name of a member, whatever type it is of, by the name in lower case."""
    return {name.lower(): name for known in _data()["types"].values() for name in known}


@cache
def words(type: str) -> Mapping[str, str]:
    """An enumeration's words as Azure spells them, by the word in lower case; none for other types.

    >>> words("UpgradeMode")["rolling"]
    'Rolling'
    """
    return {word.lower(): word for word in _data()["enums"].get(type, ())}


def element(type: str) -> str:
    """The type of what is in a list or a map; the type itself for others.

    >>> element("[VirtualMachineScaleSetExtension]")
    'VirtualMachineScaleSetExtension'
    """
    return type.strip("[]{}")

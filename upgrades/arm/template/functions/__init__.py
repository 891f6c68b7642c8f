"""The functions of expressions that need nothing but their arguments, by their names in lower case."""

from collections.abc import Mapping
from types import MappingProxyType

from upgrades.arm.template.evaluation import Function
from upgrades.arm.template.functions import (
    containers,
    dates,
    formats,
    hashes,
    ids,
    lambdas,
    logic,
    networks,
    numbers,
    texts,
)

FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        name: function
        for module in (containers, dates, formats, hashes, ids, lambdas, logic, networks, numbers, texts)
        for name, function in module.TABLE.items()
    }
)

"""The examples in docstrings hold."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import upgrades

PACKAGE = Path(upgrades.__file__).parent
FILES = [path.relative_to(PACKAGE.parent) for path in sorted(PACKAGE.rglob("*.py")) if ">>> " in path.read_text()]
MODULES = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in FILES]


@pytest.mark.parametrize("module", MODULES)
def test_examples_hold(module: str) -> None:
    assert doctest.testmod(import_module(module)).failed == 0


def test_modules_with_examples_are_found() -> None:
    assert {"upgrades.core.suspicion", "upgrades.core.missing", "upgrades.core.versions"} <= set(MODULES)

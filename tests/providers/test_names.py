"""Providers by name: ours, and those that other packages bring."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from upgrades import providers
from upgrades.providers.simulated.client import SimulatedProvider

OURS = ", ".join(sorted(providers.PROVIDERS))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package is installed that brings three providers: one works, one has a module that is not there, one has the name of ours."""
    (tmp_path / "their_cloud.py").write_text(
        "class Theirs:\n    def __init__(self, home, settings):\n        self.given = home, settings\n"
    )
    about = tmp_path / "their_cloud-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: their-cloud\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[rollgrid.providers]\ntheirs = their_cloud:Theirs\nbroken = their_clouds:Theirs\nsimulated = their_cloud:Theirs\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    providers._of_packages.cache_clear()
    yield
    monkeypatch.undo()
    providers._of_packages.cache_clear()


@pytest.mark.usefixtures("package")
def test_a_provider_of_another_package_is_found_by_its_name(tmp_path: Path) -> None:
    theirs = providers.load("theirs", tmp_path, {"url": "x"})
    assert vars(theirs) == {"given": (tmp_path, {"url": "x"})}
    assert providers.names() == sorted([*providers.PROVIDERS, "broken", "theirs"])


@pytest.mark.usefixtures("package")
def test_no_package_can_take_the_name_of_ours(tmp_path: Path) -> None:
    assert isinstance(providers.load("simulated", tmp_path, {}), SimulatedProvider)


@pytest.mark.usefixtures("package")
def test_a_provider_without_its_module_is_refused_with_the_cause(tmp_path: Path) -> None:
    with pytest.raises(
        providers.UnknownProvider, match=r"'broken' \(their_clouds:Theirs\).*No module named 'their_clouds'"
    ):
        providers.load("broken", tmp_path, {})


def test_an_unknown_name_is_refused_with_all_names(tmp_path: Path) -> None:
    with pytest.raises(providers.UnknownProvider, match=f"no provider is called 'libvrt'; there are: {OURS}"):
        providers.load("libvrt", tmp_path, {})

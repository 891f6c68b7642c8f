"""Programs of the host: whether they are there, and what they answer."""

import pytest

from upgrades.providers.base import ProviderError
from upgrades.providers.hosts import programs


@pytest.fixture
def nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(programs, "PLACES", ())


@pytest.mark.usefixtures("nothing_is_installed")
def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(ProviderError) as caught:
        programs.find("qemu-img")
    said = "qemu-img is not installed; on Debian and Ubuntu: apt install qemu-utils"
    assert (caught.value.code, caught.value.message, caught.value.permanent) == ("ProgramMissing", said, False)


@pytest.mark.usefixtures("nothing_is_installed")
def test_all_missing_programs_are_named_at_once() -> None:
    names = ["genisoimage", "mcopy", "apt-get"]
    assert programs.missing(names) == names
    said = "genisoimage, mcopy, apt-get are not installed; on Debian and Ubuntu: apt install apt genisoimage mtools"
    assert programs.how_to_install(names) == said


def test_a_failure_has_the_words_of_the_program() -> None:
    with pytest.raises(ProviderError, match="ldd failed with code 1: .*nowhere") as caught:
        programs.run("ldd", "/nowhere")
    assert (caught.value.code, caught.value.permanent) == ("ProgramFailed", False)

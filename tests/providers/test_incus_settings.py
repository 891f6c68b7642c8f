"""What a location may say of its Incus. No Incus is needed for that."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from upgrades.core.facts import ImageReference
from upgrades.providers import load
from upgrades.providers.base import ProviderError, ScaleSetReference
from upgrades.providers.incus.settings import read_settings

SECRET = "-----BEGIN PRIVATE KEY-----"


@pytest.fixture
def certificates(tmp_path: Path) -> dict[str, Any]:
    names = ("client_certificate", "client_key", "server_certificate")
    for name in names:
        (tmp_path / name).touch()
    return {name: str(tmp_path / name) for name in names}


def test_nothing_need_be_said(tmp_path: Path) -> None:
    settings = read_settings({}, tmp_path)
    assert settings.place == "/var/lib/incus/unix.socket"
    assert settings.alias(ImageReference("Canonical", "UbuntuServer", "16.04-LTS", "16.04.1")) == (
        "rollgrid/canonical/ubuntuserver/16.04-lts/16.04.1"
    )


def test_everything_can_be_said(certificates: dict[str, Any], tmp_path: Path) -> None:
    settings = read_settings(
        {
            "url": "https://incus.example.org:8443/",
            **certificates,
            "project": "fleet",
            "profiles": ["default", "web"],
            "pool": "fast",
            "kind": "virtual-machine",
            "image_alias": "{sku}-{version}",
            "boot_seconds": 60,
            "most_machines": 40,
            "extensions": str(tmp_path),
            "config": {"limits.memory": "1GiB"},
        },
        tmp_path,
    )
    assert (settings.place, settings.profiles) == ("https://incus.example.org:8443", ("default", "web"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sokcet": "/x"}, "`sokcet` is not a setting of this provider; there are "),
        ({"socket": ""}, "`socket` must be a text, not nothing"),
        ({"url": "http://x"}, "`url` must be like https://"),
        ({"url": "https://me:secret@x"}, "`url` must be like https://"),
        ({"url": "https://x"}, "`client_certificate` is missing"),
        ({"url": "https://x", "socket": "/x"}, "`socket` goes without `url`"),
        ({"client_key": "/etc/passwd"}, "`client_key` goes with `url` only"),
        ({"kind": "vm"}, "`kind` must be container or virtual-machine"),
        ({"profiles": "default"}, "`profiles` must be a list of texts"),
        ({"boot_seconds": "60"}, "`boot_seconds` must be a number of seconds"),
        ({"boot_seconds": True}, "`boot_seconds` must be a number of seconds"),
        ({"most_machines": 0}, "`most_machines` must be a whole number from 1"),
        ({"at_once": 1.5}, "`at_once` must be a whole number from 1"),
        ({"image_alias": "{sku}"}, "`image_alias` must have {version}"),
        ({"image_alias": "{nonsense}"}, "`image_alias` must have {version}"),
        ({"extensions": "/nowhere/at/all"}, "`extensions` names '/nowhere/at/all', which is not a folder"),
        ({"config": {"user.rollgrid.set": "x"}}, "`config` must not set user.rollgrid.set"),
        ({"config": {"limits.cpu": 2}}, "`config` must be an object of texts"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ProviderError) as caught:
        read_settings(settings, tmp_path)
    assert words in caught.value.message
    assert not caught.value.permanent


def test_a_key_that_was_pasted_is_not_shown(certificates: dict[str, Any], tmp_path: Path) -> None:
    for name in certificates:
        with pytest.raises(ProviderError) as caught:
            read_settings({"url": "https://x", **certificates, name: SECRET}, tmp_path)
        assert f"`{name}`" in caught.value.message
        assert SECRET not in caught.value.message


def test_a_wrong_setting_is_said_when_something_is_asked(tmp_path: Path) -> None:
    """Not when the provider is made: somebody may correct it while everything runs."""

    async def ask() -> None:
        provider = load("incus", tmp_path, {"kind": "vm"})
        with pytest.raises(ProviderError, match="`kind`"):
            await provider.views(ScaleSetReference("rg/any"))
        await provider.close()

    asyncio.run(ask())

"""Secrets at rest."""

import pytest
from pytest_django import Settings

from upgrades.models import sealing
from upgrades.models.sealing import Unreadable, seal, unseal

SECRETS = {'["a", 0]': "hunter2", "ü": {"key": ["x", None, 5]}}


@pytest.fixture(autouse=True)
def first_key(settings: Settings) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the first key", []


def test_sealed_secrets_are_read_back() -> None:
    sealed = seal(SECRETS)
    assert unseal(sealed) == SECRETS
    assert "hunter2" not in sealed and sealed.isascii()
    assert seal(SECRETS) != sealed, "the same twice does not look the same"


def test_no_secrets_are_no_text() -> None:
    assert (seal({}), unseal("")) == ("", {})


def test_an_older_key_opens_while_it_is_listed(settings: Settings) -> None:
    sealed = seal(SECRETS)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the second key", ["another", "the first key"]
    assert unseal(sealed) == SECRETS
    anew = seal(SECRETS)
    settings.SECRET_KEY_FALLBACKS = []
    assert unseal(anew) == SECRETS, "sealed with the new key"
    with pytest.raises(Unreadable, match="list it under SECRET_KEY_FALLBACKS"):
        unseal(sealed)


@pytest.mark.parametrize("text", ["x", "ü", "gAAAAA", " ", "\0"])
def test_unsealed_values_are_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        unseal(text)


def test_tampered_values_are_refused() -> None:
    sealed = seal(SECRETS)
    with pytest.raises(Unreadable) as caught:
        unseal(sealed[:-8] + "AAAAAAA=")
    assert "hunter2" not in str(caught.value)
    assert sealing.unseal(sealed) == SECRETS

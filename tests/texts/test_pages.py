"""All that the pages say goes through the catalogues: in a made-up language no plain English word is left that is not data."""

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client

from tests.admin.test_pages import a_fleet, everywhere
from tests.dashboard.acting import ACTS
from tests.stories import NOW, UBUNTU, a_scale_set, publish
from tests.texts.made_up import plain_words
from upgrades import providers
from upgrades.commands.images import withdraw_image
from upgrades.core.facts import ImageReference
from upgrades.core.states import Health, InstanceUpgradeState, UpgradeStatus
from upgrades.models import AuditEntry, Location

pytestmark = pytest.mark.django_db
# Names in the fleet that the pages are shown for.
DATA = (
    *UBUNTU,
    "ImagePublished",
    "ada",
    "me",
    "why",
    "fleet",
    "GROUP",
    "NAME",
    "latest",
    "lobby",
    "pipeline",
    "web",
    "westeurope",
    "admin",
)


@pytest.fixture
def ada(made_up_language: str) -> Client:
    client = Client(headers={"accept": "text/html", "accept-language": f"{made_up_language},en;q=0.5"})
    client.force_login(User.objects.create_user("ada", is_superuser=True, is_staff=True))
    return client


@pytest.fixture
def nobody(made_up_language: str) -> Client:
    return Client(headers={"accept": "text/html", "accept-language": made_up_language}, raise_request_exception=False)


def is_translated(answer: Any) -> None:
    """The page is in the made-up language, and nothing on it is in English but data."""
    page = answer.content.decode()
    assert '<html lang="en-xa"' in page and answer["Content-Language"] == "en-xa", answer.request["PATH_INFO"]
    assert "Accept-Language" in answer["Vary"]
    says_no_plain_word(page)


def says_no_plain_word(page: str, data: Iterable[str] = ()) -> None:
    names = Location.objects.values_list("display_name", flat=True), AuditEntry.objects.values_list("name", flat=True)
    found = sorted(set(plain_words(page, DATA, {*data, *providers.names(), *chain.from_iterable(names)})))
    assert not found, "\n".join(["not through a catalogue:", *found])


@pytest.mark.parametrize("path", ["/", "/scale-sets/fleet/a/", "/images/", "/audit/", "/audit/?outcome=refused&name=x"])
def test_the_pages(ada: Client, path: str) -> None:
    a_fleet()
    publish("1.0.1")
    withdraw_image(ImageReference(*UBUNTU, "1.0.1"), NOW, by="me", reason="why")
    ada.post("/scale-sets/fleet/a/cancel/")
    is_translated(ada.get(path))


@pytest.mark.parametrize("path", ["/", "/images/", "/audit/"])
def test_the_pages_where_there_is_nothing_yet(ada: Client, path: str) -> None:
    is_translated(ada.get(path))


def test_the_history_of_an_instance(ada: Client) -> None:
    a_fleet()
    says_no_plain_word(ada.get("/scale-sets/fleet/a/instances/1/history/").content.decode())


def test_the_sign_in_page_and_its_refusals_are_translated(nobody: Client) -> None:
    User.objects.create_user("ada", password="right")
    is_translated(nobody.get("/login/"))
    for name, password in (("", ""), ("ada", "wrong"), *[("ada", "wrong")] * 6):
        is_translated(nobody.post("/login/", {"username": name, "password": password}))


def test_the_errors(ada: Client, nobody: Client) -> None:
    for path in ("/nothing/", "/scale-sets/fleet/none/"):
        is_translated(ada.get(path))
    strict = Client(headers={"accept": "text/html", "accept-language": "en-xa"}, enforce_csrf_checks=True)
    is_translated(strict.post("/login/", {"username": "ada"}))


@pytest.mark.parametrize("name", sorted(ACTS))
def test_answers_of_actions_are_translated(ada: Client, name: str) -> None:
    """Refusals of commands are those of the API, and are in English."""
    a_scale_set("web", instances=3)
    publish("16.04.9")
    path, values, _ = ACTS[name]
    answer = ada.post(path, values).json()
    says_no_plain_word(answer.get("said", ""))


def test_the_admin(ada: Client) -> None:
    a_fleet()
    adding = [
        f"/admin/upgrades/{name}/add/" for name in ("imagesku", "imageversion", "location", "loadbalancer", "fleetstop")
    ]
    asking = ada.post("/admin/upgrades/instance/", {"action": "opt_out_chosen", "_selected_action": ["1"]})
    pages = [asking, *map(ada.get, (*everywhere(), *adding))]
    says_no_plain_word("\n".join(page.content.decode() for page in pages), stored())


def stored() -> Iterator[str]:
    """What records say: their names, codes and sentences, which the admin shows as they are stored."""
    for model in {*admin.site._registry, *apps.get_app_config("upgrades").get_models()}:
        for row in model._default_manager.all():
            yield str(row)
            yield from (value for value in vars(row).values() if isinstance(value, str))
            yield from (json.dumps(value) for value in vars(row).values() if isinstance(value, dict | list))
    yield from (value for codes in (UpgradeStatus, InstanceUpgradeState, Health) for value in codes)

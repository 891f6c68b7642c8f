"""SKUs, versions and locations in the admin."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from tests.admin.people import Admitting, act, errors, page, post, saved, told
from tests.stories import FIRST_VERSION, NOW, a_scale_set, document, nothing_changes, snapshot_equals_events
from upgrades.models import ImageSku, ImageVersion, Location, ScaleSet

DEBIAN = {"publisher": "Debian", "offer": "debian-11", "sku": "11-gen2", "os_type": "Linux", "note": ""}

pytestmark = pytest.mark.django_db


def ubuntu() -> ImageSku:
    return ImageSku.objects.get(sku="16.04-LTS")


def place(name: str) -> Location:
    return Location.objects.get(name=name)


# --- SKUs -------------------------------------------------------------------------------------------------------------


def test_a_new_sku(ada: Client) -> None:
    assert saved(post(ada, "imagesku/add/", **DEBIAN, limited_to=[place("westus").pk]))
    row = ImageSku.objects.get(publisher="Debian")
    assert row.key == "debian:debian-11:11-gen2"
    assert [location.name for location in row.limited_to.all()] == ["westus"]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [("publisher", "De:bian", "letters, digits"), ("sku", "", "required"), ("os_type", "BeOS", "valid choice")],
)
def test_an_invalid_sku_is_refused(ada: Client, field: str, value: str, words: str) -> None:
    with nothing_changes():
        assert words in errors(post(ada, "imagesku/add/", **{**DEBIAN, field: value}))[field][0]


def test_the_same_sku_in_another_case(ada: Client) -> None:
    fields = {**DEBIAN, "publisher": "CANONICAL", "offer": "ubuntuserver", "sku": "16.04-lts"}
    with nothing_changes():
        assert "exists already" in errors(post(ada, "imagesku/add/", **fields))["__all__"][0]


def test_support_is_limited_and_noted(ada: Client) -> None:
    """S-21. The names stay: documents refer to them."""
    row = ubuntu()
    fields = {"limited_to": [place("westus").pk], "note": "West US first", "publisher": "Somebody"}
    assert saved(post(ada, f"imagesku/{row.pk}/change/", **fields))
    row.refresh_from_db()
    assert (row.publisher, row.note) == ("Canonical", "West US first")
    assert row.is_supported_in(place("westus")) and not row.is_supported_in(place("westeurope"))


# --- versions ---------------------------------------------------------------------------------------------------------


def test_publishing_a_version_rolls(ada: Client) -> None:
    follower, pinned = a_scale_set(), a_scale_set("pinned", model=document(version=FIRST_VERSION, automatic=False))
    ScaleSet.objects.update(reconcile_at=NOW + timedelta(days=9000))
    with snapshot_equals_events():
        assert saved(post(ada, "imageversion/add/", sku=ubuntu().pk, version="16.04.2", agreed="on"))
    woken = ScaleSet.objects.exclude(reconcile_at=NOW + timedelta(days=9000))
    assert list(woken) == [follower] != [pinned]
    assert ubuntu().latest_in(follower.location) == "16.04.2"
    assert "1 scale set follows this image." in told(ada, "imageversion/")


def test_publishing_asks_first_and_lists_the_affected_scale_sets(ada: Client) -> None:
    a_scale_set()
    a_scale_set("off", model=document(automatic=False))
    a_scale_set("pinned", model=document(version=FIRST_VERSION, automatic=False))
    with nothing_changes():
        asked = errors(post(ada, "imageversion/add/", sku=ubuntu().pk, version="16.04.2"))["agreed"]
    assert asked[:2] == [
        "Upgraded automatically, with the number of instances: fleet/web (10).",
        "Not upgraded, because automatic upgrades are off: fleet/off (3).",
    ]


def test_a_version_is_published_in_some_locations_then_in_others(ada: Client) -> None:
    fields: dict[str, Any] = {"sku": ubuntu().pk, "version": "16.04.2", "agreed": "on"}
    assert saved(post(ada, "imageversion/add/", **fields, limited_to=[place("westus").pk]))
    assert ubuntu().latest_in(place("westeurope")) == FIRST_VERSION
    assert saved(post(ada, "imageversion/add/", **fields, limited_to=[place("westeurope").pk]))
    assert ImageVersion.objects.get(version="16.04.2").limited_to.count() == 2
    assert "westeurope, westus" in page(ada, "imageversion/")


@pytest.mark.parametrize(("version", "words"), [("0.0.1", "is not newer"), ("sixteen", "version"), ("", "required")])
def test_an_impossible_publication_is_refused(ada: Client, version: str, words: str) -> None:
    a_scale_set()
    with nothing_changes():
        found = errors(post(ada, "imageversion/add/", sku=ubuntu().pk, version=version))
    assert words in str(found), found


def test_published_versions_never_change(ada: Client) -> None:
    row = ImageVersion.objects.first()
    assert row
    with nothing_changes():
        for path in (f"imageversion/{row.pk}/change/", f"imageversion/{row.pk}/delete/"):
            assert post(ada, path, version="9.9.9", post="yes").status_code == 403


def test_viewers_may_not_publish(admitting: Admitting) -> None:
    bob = admitting("view_imageversion")
    page(bob, "imageversion/")
    with nothing_changes():
        assert post(bob, "imageversion/add/", sku=ubuntu().pk, version="16.04.2").status_code == 403


def test_a_version_is_withdrawn_with_a_reason_and_put_back(ada: Client) -> None:
    row = ImageVersion.objects.get(sku=ubuntu(), version=FIRST_VERSION)
    with nothing_changes():
        assert "Withdraw these versions" in act(ada, "imageversion/", "withdraw_chosen", row.pk).content.decode()
    act(ada, "imageversion/", "withdraw_chosen", row.pk, agreed="1", reason="it panics")
    row.refresh_from_db()
    assert row.withdrawal and (row.withdrawal.by, row.withdrawal.reason) == ("ada", "it panics")
    assert "it panics" in page(ada, "imageversion/")
    with nothing_changes():
        assert "can start at once" in act(ada, "imageversion/", "put_back_chosen", row.pk).content.decode()
    act(ada, "imageversion/", "put_back_chosen", row.pk, agreed="1")
    row.refresh_from_db()
    assert row.withdrawal is None


def test_withdrawing_needs_the_right_to_publish(admitting: Admitting) -> None:
    bob, row = admitting("view_imageversion"), ImageVersion.objects.first()
    assert row and "withdraw_chosen" not in page(bob, "imageversion/")
    with nothing_changes():
        act(bob, "imageversion/", "withdraw_chosen", row.pk, agreed="1", reason="x")


# --- locations --------------------------------------------------------------------------------------------------------


def location(**changes: str) -> dict[str, str]:
    fields = {"name": "moonbase", "display_name": "Moon Base", "provider": "simulated", "settings": "{}"}
    return {**fields, "rules": "document", **changes}


def test_a_new_location(ada: Client) -> None:
    assert saved(post(ada, "location/add/", **location(settings='{"a": 1}')))
    assert place("moonbase").settings == {"a": 1}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "Moon Base", "lower-case letters and digits"),
        ("name", "westus", "already exists"),
        ("provider", "abacus", "valid choice"),
        ("settings", '{"a": }', "line 1, column 7"),
        ("settings", "[1]", "a JSON object"),
        ("settings", "[" * 100_000, "cannot be read"),
    ],
)
def test_an_invalid_location_is_refused(ada: Client, field: str, value: str, words: str) -> None:
    with nothing_changes():
        found = errors(post(ada, "location/add/", **location(**{field: value})))
    assert words in found[field][0], found


def test_a_location_is_changed_but_for_its_name(ada: Client) -> None:
    fields = location(name="other", display_name="Europe, West", rules="current")
    assert saved(post(ada, f"location/{place('westeurope').pk}/change/", **fields))
    assert (place("westeurope").display_name, place("westeurope").rules) == ("Europe, West", "current")


# --- lists ------------------------------------------------------------------------------------------------------------


def test_uses_of_versions_are_counted(ada: Client) -> None:
    a_scale_set()
    a_scale_set("other")
    assert '<td class="field-scale_sets">2</td>' in page(ada, "imagesku/?q=16.04")
    assert '<td class="field-scale_sets">2</td>' in page(ada, "location/?q=westeurope")

"""Publishing image versions: who gets them, and who is told."""

from datetime import datetime, timedelta
from functools import partial

import pytest

from tests.stories import (
    FIRST_VERSION,
    NOW,
    UBUNTU,
    WINDOWS,
    a_scale_set,
    at_once,
    document,
    publish,
    refused,
    snapshot_equals_events,
)
from upgrades.commands.images import publish_image
from upgrades.commands.scale_sets import set_model
from upgrades.core import versions
from upgrades.core.facts import ImageReference
from upgrades.feed import read
from upgrades.models import ImageSku, ImageVersion, Location, ScaleSet

LATER = NOW + timedelta(minutes=1)
ASLEEP = NOW + timedelta(hours=1)

pytestmark = pytest.mark.django_db


def sku(image: tuple[str, str, str] = UBUNTU) -> ImageSku:
    return ImageSku.objects.get(key=ImageSku.key_of(*image))


def latest_in(location: str) -> str | None:
    return sku().latest_in(Location.objects.get(name=location))


def woken() -> list[str]:
    return [row.name for row in ScaleSet.objects.filter(reconcile_at=LATER).order_by("name")]


def all_asleep() -> None:
    ScaleSet.objects.update(reconcile_at=ASLEEP)


# --- who gets it ------------------------------------------------------------------------------------------------------


def test_exactly_the_followers_are_woken() -> None:
    a_scale_set("follows", instances=1)
    a_scale_set("follows-too", instances=1, location="northeurope", automatic=False)
    a_scale_set("pinned", instances=1, version=FIRST_VERSION, model=None, automatic=False)
    ScaleSet.objects.filter(name="pinned").update(image_version=FIRST_VERSION)
    a_scale_set("other-sku", instances=1, image=WINDOWS)
    all_asleep()
    with snapshot_equals_events():
        followers = publish("16.04.1", now=LATER)
    assert sorted(row.name for row in followers) == woken() == ["follows", "follows-too"]


def test_a_version_is_published_only_in_the_named_locations() -> None:
    a_scale_set("here", instances=1)
    a_scale_set("there", instances=1, location="northeurope")
    all_asleep()
    with snapshot_equals_events():
        followers = publish("16.04.1", locations=["North Europe", "northeurope", "eastus"], now=LATER)
    assert [row.name for row in followers] == woken() == ["there"]
    assert (latest_in("northeurope"), latest_in("eastus")) == ("16.04.1", "16.04.1")
    assert latest_in("westeurope") == FIRST_VERSION


def test_screens_of_pinned_scale_sets_show_the_newer_version_too() -> None:
    row = a_scale_set("pinned", instances=1)
    ScaleSet.objects.update(image_version=FIRST_VERSION)
    with snapshot_equals_events():
        assert publish("16.04.1") == []
    assert read.snapshot(row.pk)["scale_set"]["latest_version"] == "16.04.1"


def test_a_scale_set_that_is_being_deleted_is_no_follower() -> None:
    a_scale_set(instances=1)
    ScaleSet.objects.update(deleting=True, reconcile_at=ASLEEP)
    with snapshot_equals_events():
        assert publish("16.04.1", now=LATER) == []
    assert woken() == []


def test_names_in_any_case() -> None:
    assert publish("16.04.1", image=("CANONICAL", "ubuntuserver", "16.04-lts")) == []
    assert latest_in("westeurope") == "16.04.1"


# --- what is newer ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("older", "newer"), [("20348.825", "20348.1006"), ("16.04.9", "16.04.10"), ("9.1", "10.0")])
def test_versions_are_compared_as_numbers(older: str, newer: str) -> None:
    publish(older)
    publish(newer)
    assert latest_in("westeurope") == newer
    for again in (older, newer):
        with refused("InvalidParameter", f"has {newer} as its latest version; {again} is not newer"):
            publish(again)


def test_the_same_number_written_otherwise_is_not_newer() -> None:
    publish("16.04.1")
    with refused("InvalidParameter", "16.4.01 is not newer"):
        publish("16.4.01")


def test_a_version_goes_from_location_to_location_and_then_everywhere() -> None:
    publish("16.04.1", locations=["northeurope"], now=NOW)
    with refused("InvalidParameter", "in northeurope; 16.04.1 is not newer"):
        publish("16.04.1", locations=["northeurope"])
    publish("16.04.1", locations=["westeurope"], now=LATER)
    assert (latest_in("westeurope"), latest_in("eastus")) == ("16.04.1", FIRST_VERSION)
    row = ImageVersion.objects.get(version="16.04.1")
    assert row.published_at == NOW
    assert sorted(row.limited_to.values_list("name", flat=True)) == ["northeurope", "westeurope"]
    a_scale_set("here", instances=1)
    a_scale_set("there", instances=1, location="eastus")
    with snapshot_equals_events():
        publish("16.04.1", now=LATER)
    assert latest_in("eastus") == "16.04.1" and not row.limited_to.exists()
    with refused("InvalidParameter", "16.04.1 is not newer"):
        publish("16.04.1", locations=["eastus"])


def test_a_version_goes_everywhere_only_where_none_has_a_newer_one() -> None:
    publish("16.04.1", locations=["northeurope"])
    publish("16.04.2", locations=["westeurope"])
    with refused("InvalidParameter", "has 16.04.2 as its latest version; 16.04.1 is not newer"):
        publish("16.04.1")
    publish("16.04.2")
    assert latest_in("northeurope") == "16.04.2"


def test_an_older_version_for_a_further_location() -> None:
    publish("16.04.2", locations=["westeurope"])
    publish("16.04.1", locations=["northeurope"])
    assert (latest_in("westeurope"), latest_in("northeurope")) == ("16.04.2", "16.04.1")


def test_a_location_without_publications_has_no_latest_version() -> None:
    ImageVersion.objects.filter(sku=sku()).delete()
    assert latest_in("westeurope") is None
    publish("16.04.1", locations=["northeurope"])
    assert latest_in("westeurope") is None


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_an_unknown_sku() -> None:
    with refused("ImageNotFound", "Debian:debian:9 is not a supported image", "Canonical:UbuntuServer:16.04-LTS"):
        publish("9.0.1", image=("Debian", "debian", "9"))


@pytest.mark.parametrize("name", ["atlantis", "", "west\neurope"])
def test_an_unknown_location(name: str) -> None:
    a_scale_set(instances=1)
    with refused("LocationNotAvailableForResourceType", "there is no location"):
        publish("16.04.1", locations=["westeurope", name])


@pytest.mark.parametrize(
    "version", ["", "latest", "16", "16.04.x", "v1.2.3", "-1.0", "1.2.3.4.5", "1." + "9" * 19, "1.2\n"]
)
def test_invalid_versions_are_refused(version: str) -> None:
    a_scale_set(instances=1)
    with refused("InvalidParameter", "an image version is 2 to 4 numbers separated by dots") as caught:
        publish(version)
    assert "\n" not in caught.value.message


# --- at once ----------------------------------------------------------------------------------------------------------


def publish_and_show(version: str, locations: tuple[str, ...], now: datetime) -> str:
    publish_image(ImageReference(*UBUNTU, version), now, locations=locations)
    return version


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("followers", [0, 3])
def test_publishing_the_same_version_twice_at_once(followers: int) -> None:
    for number in range(followers):
        a_scale_set(f"web-{number}", instances=1)
    with snapshot_equals_events():
        done = at_once(*[partial(publish_and_show, "16.04.1", (), NOW)] * 4)
    assert done.count("16.04.1") == 1, done
    assert ImageVersion.objects.filter(version="16.04.1").count() == 1
    assert latest_in("westeurope") == "16.04.1"


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_different_versions_can_be_published_at_once() -> None:
    names = [f"16.04.{number}" for number in range(1, 7)]
    a_scale_set(instances=1)
    with snapshot_equals_events():
        done = at_once(*(partial(publish_and_show, name, (), NOW) for name in names))
    published = [name for name in done if isinstance(name, str)]
    assert latest_in("westeurope") == versions.newest(published) == "16.04.6"
    assert sorted(
        ImageVersion.objects.filter(sku=sku()).exclude(version=FIRST_VERSION).values_list("version", flat=True)
    ) == (sorted(published))


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_publishing_everywhere_and_in_one_location_at_once() -> None:
    done = at_once(
        partial(publish_and_show, "16.04.1", (), NOW), partial(publish_and_show, "16.04.1", ("eastus",), NOW)
    )
    assert "16.04.1" in done
    assert latest_in("westeurope") == latest_in("eastus") == "16.04.1", "in whichever order, it is out everywhere"


def put_and_show(name: str) -> str:
    set_model(f"fleet/{name}", document(), NOW)
    return name


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_publishing_while_scale_sets_are_created() -> None:
    """Whoever came too late to be told saw the new version by himself."""
    names = [f"web-{number}" for number in range(5)]
    with snapshot_equals_events():
        done = at_once(partial(publish_and_show, "16.04.1", (), NOW), *(partial(put_and_show, name) for name in names))
    assert done == ["16.04.1", *names]


def test_versions_of_a_gallery_have_three_parts() -> None:
    """Azure's own rule: Major.Minor.Patch, each a number of 32 bits."""
    names = {"publisher": "rg", "offer": "gallery", "sku": "image"}
    ImageSku.objects.create(key="rg:gallery:image", **names, os_type="Linux", gallery=True)
    for version in ("7.9.2201041542", "1.0", "1.2.3.4"):
        with refused("InvalidParameter", "Major.Minor.Patch"):
            publish_image(ImageReference(version=version, **names), NOW)
    publish_image(ImageReference(version="1.2.2147483647", **names), NOW)

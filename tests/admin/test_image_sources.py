"""Sources of images in the admin: settings that cannot work are refused, and what is wrong with a source is shown."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.stories import NOW, a_scale_set
from upgrades.models import AuditEntry, ImageSource, Location, ScaleSet

pytestmark = pytest.mark.django_db
ADD = "/admin/upgrades/imagesource/add/"


@pytest.fixture
def scale_set() -> ScaleSet:
    row = a_scale_set(instances=1)
    Location.objects.filter(pk=row.location_id).update(provider="qemu", settings={})
    return row


def sent(scale_set: ScaleSet, **changes: Any) -> dict[str, Any]:
    return {
        "name": "debian",
        "enabled": "on",
        "kind": "directory",
        "root": "/srv/images",
        "sku": scale_set.sku_id,
        "locations": [scale_set.location_id],
        "pattern": "debian-*.qcow2",
        "check_minutes": 60,
        "allow_unsigned": "on",
        **changes,
    }


def test_a_source_is_added_changed_and_in_the_audit_trail(ada: Client, scale_set: ScaleSet) -> None:
    assert ada.post(ADD, sent(scale_set)).status_code == 302
    row = ImageSource.objects.get()
    ImageSource.objects.update(
        checked_at=NOW, error="it is away", error_since=NOW, newest_version="1.0", updated={"a": "b"}
    )
    page = ada.get(f"/admin/upgrades/imagesource/{row.pk}/change/").content.decode()
    assert "Since 2018-09-25 12:00:00 UTC: it is away" in page
    assert (
        ada.post(f"/admin/upgrades/imagesource/{row.pk}/change/", sent(scale_set, check_minutes=5)).status_code == 302
    )
    row.refresh_from_db()
    assert (row.check_minutes, row.newest_version, row.checked_at) == (5, "1.0", None), "it is checked at once"
    ada.post(f"/admin/upgrades/imagesource/{row.pk}/change/", sent(scale_set, root="/srv/other"))
    row.refresh_from_db()
    assert (row.newest_version, row.updated) == ("", {}), "another place has another past"
    codes = list(AuditEntry.objects.filter(kind="image source").order_by("pk").values_list("code", flat=True))
    assert codes == ["ImageSourceAdded", "ImageSourceChanged", "ImageSourceChanged"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"root": "images"}, "Enter the whole path of a folder"),
        ({"root": "file:///srv"}, "Enter the whole path of a folder"),
        ({"root": "https://ada:secret@example.org/"}, "Enter the whole path of a folder"),
        ({"pattern": "debian.qcow2"}, "with one * for the version"),
        ({"pattern": "../*"}, "with one * for the version"),
        ({"pattern": ""}, "A source of this kind needs it"),
        ({"kind": "simplestreams"}, "A source of this kind needs it"),
        ({"version_prefix": "22.x"}, "Enter numbers with dots"),
        ({"allow_unsigned": ""}, "Either name a keyring, or allow"),
        ({"keyring": "/nonexistent.gpg", "allow_unsigned": ""}, "This is not a file of this computer"),
        ({"check_minutes": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    ada: Client, scale_set: ScaleSet, changes: dict[str, Any], says: str
) -> None:
    answer = ada.post(ADD, sent(scale_set, **changes))
    assert answer.status_code == 200
    assert says in answer.content.decode()
    assert not ImageSource.objects.exists()


def test_a_location_with_a_provider_for_no_files_is_refused(ada: Client, scale_set: ScaleSet) -> None:
    Location.objects.filter(pk=scale_set.location_id).update(provider="simulated")
    assert "takes no image files" in ada.post(ADD, sent(scale_set)).content.decode()


def test_locations_of_two_hosts_are_refused(ada: Client, scale_set: ScaleSet) -> None:
    Location.objects.exclude(pk=scale_set.location_id).update(provider="qemu", settings={}, queue="kvm1")
    both = [scale_set.location_id, Location.objects.exclude(pk=scale_set.location_id).values_list("pk", flat=True)[0]]
    assert "add a source for each host" in ada.post(ADD, sent(scale_set, locations=both)).content.decode()


def test_a_keyring_and_a_permission_at_once_are_refused(ada: Client, scale_set: ScaleSet, tmp_path: Path) -> None:
    keyring = tmp_path / "keys.gpg"
    keyring.touch()
    assert "Either name a keyring" in ada.post(ADD, sent(scale_set, keyring=str(keyring))).content.decode()
    assert ada.post(ADD, sent(scale_set, keyring=str(keyring), allow_unsigned="")).status_code == 302


def test_the_images_page_shows_sources_and_their_errors(ada: Client, scale_set: ScaleSet) -> None:
    ada.post(ADD, sent(scale_set))
    page = ada.get("/images/").content.decode()
    assert "New versions come from the source" in page and "Nobody has signed its images." in page
    ImageSource.objects.update(error="it is <away>", error_since=NOW)
    assert "it is &lt;away&gt;" in ada.get("/images/").content.decode()


def test_older_offers_are_accepted_by_a_person(ada: Client, scale_set: ScaleSet) -> None:
    ada.post(ADD, sent(scale_set))
    row = ImageSource.objects.get()
    ImageSource.objects.update(newest_version="2.0")
    ada.post("/admin/upgrades/imagesource/", {"action": "accept_chosen", "_selected_action": [row.pk]})
    row.refresh_from_db()
    assert row.newest_version == ""

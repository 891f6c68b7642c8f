"""What is done in the admin, in the audit trail; and the trail in the admin, which nobody changes."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client

from tests.admin.people import page, saved
from tests.stories import a_scale_set
from upgrades.admin.base import AuditedAdmin, CommandAdmin, ReadOnlyAdmin
from upgrades.models import AuditEntry, ImageSku, Location

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


def last() -> AuditEntry:
    return AuditEntry.objects.order_by("pk").reverse()[0]


def test_every_page_that_saves_is_audited() -> None:
    """By its command, or by the page."""
    forgotten = [
        page
        for page in admin.site._registry.values()
        if not isinstance(page, AuditedAdmin | CommandAdmin | ReadOnlyAdmin)
    ]
    assert not forgotten, f"derive these from Audited, or from Commanded where a command saves: {forgotten}"


def test_users_made_changed_and_deleted(admin_client: Client) -> None:
    form = {"username": "bob", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    assert saved(admin_client.post("/admin/auth/user/add/", form))
    bob = User.objects.get(username="bob")
    assert [entry.code for entry in AuditEntry.objects.filter(key="bob")] == ["UserAdded", "PasswordChanged"]
    assert (last().name, last().entry_point, last().object_id) == ("admin", "admin", str(bob.pk))
    group = Group.objects.create(name="operators")
    changed: dict[str, Any] = {"username": "bob", "is_active": "on", "is_staff": "on", "groups": [group.pk]}
    joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    assert saved(admin_client.post(f"/admin/auth/user/{bob.pk}/change/", {**changed, **joined}))
    row = last()
    assert row.code == "UserChanged"
    assert (row.before["is_staff"], row.after["is_staff"]) == (False, True)
    assert (row.before["groups"], row.after["groups"]) == ([], ["operators"])
    assert "is_active" not in row.before
    assert saved(admin_client.post(f"/admin/auth/user/{bob.pk}/delete/", {"post": "yes"}))
    assert (last().code, last().path, last().before["username"]) == ("UserDeleted", "bob", "bob")
    assert PASSWORD not in str(list(AuditEntry.objects.values()))


def test_a_new_password_by_the_admin(admin_client: Client) -> None:
    bob = User.objects.create_user("bob")
    form = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    assert saved(admin_client.post(f"/admin/auth/user/{bob.pk}/password/", form))
    assert [(entry.code, entry.name) for entry in AuditEntry.objects.filter(key="bob")] == [
        ("PasswordChanged", "admin")
    ]


def test_changing_an_own_password_is_audited(admin_client: Client) -> None:
    User.objects.filter(username="admin").update(is_superuser=True)
    form = {"old_password": "password", "new_password1": PASSWORD, "new_password2": PASSWORD}
    assert saved(admin_client.post("/admin/password_change/", form))
    assert (last().code, last().path, last().name) == ("PasswordChanged", "admin", "admin")


def test_locations_and_their_settings(admin_client: Client) -> None:
    place = Location.objects.get(name="westeurope")
    form = {"display_name": "West Europe", "provider": "simulated", "rules": place.rules}
    path = f"/admin/upgrades/location/{place.pk}/change/"
    assert saved(admin_client.post(path, {**form, "settings": '{"url": "https://x", "apiKey": "Secret-1"}'}))
    assert (last().code, last().after["settings"]) == ("LocationChanged", {"url": "https://x", "apiKey": "***"})
    assert saved(admin_client.post(path, {**form, "settings": '{"url": "https://x", "apiKey": "Secret-2"}'}))
    assert last().after["settings"] == {"apiKey": "*** (another one)"}


def test_a_new_sku_is_audited(admin_client: Client) -> None:
    form = {"publisher": "Canonical", "offer": "x", "sku": "y", "os_type": "Linux"}
    assert saved(admin_client.post("/admin/upgrades/imagesku/add/", form))
    assert (last().code, last().path) == ("SkuAdded", "Canonical:x:y")
    sku = ImageSku.objects.get(offer="x")
    assert saved(admin_client.post(f"/admin/upgrades/imagesku/{sku.pk}/change/", {"note": "old"}))
    assert (last().code, last().before, last().after) == ("SkuChanged", {"note": ""}, {"note": "old"})


def test_a_refusal_in_a_form_is_audited_once(admin_client: Client) -> None:
    row = a_scale_set()
    before = AuditEntry.objects.count()
    admin_client.post("/admin/upgrades/fleetstop/add/", {"reason": "x", "until_0": "", "until": "2001-01-01T00:00"})
    written = list(AuditEntry.objects.all())[: AuditEntry.objects.count() - before]
    assert [(entry.code, entry.outcome, entry.name) for entry in written] == [("FleetStopped", "refused", "admin")], row


def test_the_trail_is_shown_and_not_changed(admin_client: Client) -> None:
    a_scale_set()
    row = last()
    assert "Created the scale set." in page(admin_client, "auditentry/")
    assert "fleet/web" in page(admin_client, f"auditentry/{row.pk}/change/")
    for act in (f"{row.pk}/change/", f"{row.pk}/delete/", "add/"):
        assert admin_client.post(f"/admin/upgrades/auditentry/{act}", {"says": "x", "post": "yes"}).status_code == 403
    assert AuditEntry.objects.filter(pk=row.pk, says="Created the scale set.").exists()

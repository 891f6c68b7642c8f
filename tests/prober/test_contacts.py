"""What providers answer is written to their locations, and is a reason of their scale sets."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client

from tests.prober.sets import probed
from tests.stories import NOW, a_scale_set
from upgrades import preflight
from upgrades.core.machines import storable
from upgrades.core.reasons import reasons
from upgrades.core.states import KeptOSDisk, Power, Provisioning
from upgrades.models import Event, Location, ScaleSet
from upgrades.orchestrator.observe import observe
from upgrades.prober.contacts import FORGET_SECONDS, SILENT_SECONDS, Contact, Contacts, write_contacts
from upgrades.prober.machines import Machines
from upgrades.providers.base import Capabilities, ExtensionView, Identity, InstanceView

pytestmark = pytest.mark.django_db
COPIES = Capabilities(kept_os_disk=KeptOSDisk.COPY, keeps=frozenset({Identity.NAME, Identity.ADDRESS}))
AWAY = "the host does not answer"
FINE = Contact("", KeptOSDisk.EXACT, ())


def codes(row: ScaleSet) -> dict[str, str]:
    return {reason.code: reason.text for reason in reasons(observe(row.pk, NOW).facts, NOW)}


def test_a_late_answer_is_no_loss_of_contact() -> None:
    contacts = Contacts()
    contacts.answered(1, 10, COPIES)
    assert contacts.found(100.0) == {1: Contact("", KeptOSDisk.COPY, ("address", "name"))}
    contacts.failed(1, 10, AWAY, 100.0)
    assert contacts.found(100.0) == {}
    contacts.answered(1, 10, COPIES)
    contacts.failed(1, 10, AWAY, 100.0 + SILENT_SECONDS)
    assert contacts.found(100.0 + SILENT_SECONDS) == {}, "the silence begins anew after an answer"
    contacts.failed(1, 10, "in other words", 101.0 + SILENT_SECONDS)
    found = contacts.found(100.0 + 2 * SILENT_SECONDS)
    assert found == {1: Contact(AWAY, KeptOSDisk.COPY, ("address", "name"))}, "in its first words"


def test_a_location_is_in_trouble_while_one_of_its_scale_sets_is() -> None:
    contacts = Contacts()
    contacts.failed(1, 10, AWAY, 0.0)
    for second in range(20):
        contacts.answered(1, 11, COPIES)
        expected = AWAY if second >= SILENT_SECONDS else None
        found = contacts.found(float(second)).get(1)
        assert (found.error if found else None) == expected
    contacts.forget(10)
    contacts.answered(1, 11, COPIES)
    assert contacts.found(30.0)[1].error == ""


def test_the_reason_comes_and_goes_with_the_contact() -> None:
    row = a_scale_set(instances=2)
    head, place = row.seq, row.location_id
    assert write_contacts({place: Contact(AWAY)}, [], NOW) == [row.pk]
    assert codes(row)["ProviderUnavailable"] == (
        "The machines cannot be reached: the host does not answer. Nothing is begun until they can."
    )
    assert Event.objects.filter(scale_set=row, seq=head + 1).exists()
    assert write_contacts({place: Contact("in other words")}, [place], NOW) == [], "nothing new"
    assert write_contacts({place: FINE}, [place], NOW) == [row.pk]
    assert "ProviderUnavailable" not in codes(row)
    assert write_contacts({place: FINE}, [], NOW) == []


def test_the_error_of_another_prober_counts_as_long_as_it_confirms_it() -> None:
    row = a_scale_set(instances=2)
    place = row.location_id
    write_contacts({place: Contact(AWAY)}, [], NOW)
    for second in range(0, 60, 5):
        now = NOW + timedelta(seconds=second)
        assert write_contacts({place: Contact(AWAY)}, [place], now) == []
        assert write_contacts({place: FINE}, [], now) == []
    assert write_contacts({place: FINE}, [], now + FORGET_SECONDS) == [row.pk], "it has ended"


def test_a_contact_says_which_disks_are_kept() -> None:
    row = a_scale_set()
    assert "is not known yet" in _about_rollback(row)[1]
    write_contacts({row.location_id: Contact("", KeptOSDisk.NONE, ("name",))}, [], NOW)
    assert observe(row.pk, NOW).facts.kept_os_disk is KeptOSDisk.NONE
    assert _about_rollback(row) == ("failed", "There is no rollback: the provider keeps no old OS disk.")
    write_contacts({row.location_id: Contact(AWAY)}, [], NOW)
    assert observe(row.pk, NOW).facts.kept_os_disk is KeptOSDisk.NONE, "not known better while it is away"


def _about_rollback(row: ScaleSet) -> tuple[str, str]:
    row = ScaleSet.objects.select_related("location", "sku").get(pk=row.pk)
    (check,) = (check for check in preflight.checks(row, NOW) if check.reference.kind == "provider")
    return check.result, check.says


def test_a_location_that_cannot_be_used_is_no_end_of_the_prober(tmp_path: Path) -> None:
    row = a_scale_set(instances=1)
    Location.objects.filter(pk=row.location_id).update(provider="nobodys", settings={"no-such-setting": 1})
    found, machines = probed(row), Machines(tmp_path)

    async def asked() -> None:
        assert await machines.views(found) is None
        await machines.close()

    asyncio.run(asked())
    assert machines.endpoint(found, replace(next(iter(found.instances.values())), address="10.0.0.1")) is None
    (contact,) = machines.contacts.found(float("inf")).values()
    assert "no provider is called 'nobodys'" in contact.error


def test_a_corrected_location_is_read_again_and_keeps_the_probers_columns(admin_client: Client) -> None:
    row = a_scale_set(instances=1)
    head, place = row.seq, Location.objects.get(pk=row.location_id)
    page = f"/admin/upgrades/location/{place.pk}/change/"
    admin_client.get(page)
    write_contacts({place.pk: Contact("", KeptOSDisk.COPY, ())}, [], NOW)
    form = {"display_name": "Elsewhere", "provider": "simulated", "settings": "{}", "rules": place.rules}
    assert admin_client.post(page, form).status_code == 302
    place.refresh_from_db()
    assert (place.display_name, place.kept_os_disk) == ("Elsewhere", KeptOSDisk.COPY)
    assert Event.objects.filter(scale_set=row).latest("seq").seq == head + 2


def test_words_of_machines_are_made_such_that_they_can_be_stored() -> None:
    view = InstanceView("0", "disk", "1.0", Power.RUNNING, Provisioning.SUCCEEDED, "10.0.0.1")
    assert storable(view) is view
    said = ExtensionView("app", Provisioning.FAILED, "a\0b" + "c" * 5000)
    odd = replace(view, version="1.0\0", address="h" * 300, extensions=(said,), half_made=False)
    clean = storable(odd)
    assert (clean.version, len(clean.address)) == ("1.0", 200)
    assert clean.extensions[0].message.startswith("abcc")
    assert len(clean.extensions[0].message) == 2000
    assert storable(replace(view, half_made=True)).version == "", "whatever its provider says"

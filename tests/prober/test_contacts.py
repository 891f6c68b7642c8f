"""What providers answer is written to their locations, and is a reason of their scale sets."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.prober.sets import probed
from tests.stories import NOW, a_scale_set
from upgrades import preflight
from upgrades.core.reasons import reasons
from upgrades.core.states import KeptOSDisk
from upgrades.models import Event, Location, ScaleSet
from upgrades.orchestrator.observe import observe
from upgrades.prober.contacts import SILENT_SECONDS, Contact, Contacts, write_contact
from upgrades.prober.machines import Machines
from upgrades.providers.base import Capabilities, Identity

pytestmark = pytest.mark.django_db
COPIES = Capabilities(kept_os_disk=KeptOSDisk.COPY, keeps=frozenset({Identity.NAME, Identity.ADDRESS}))
AWAY = "the host does not answer"


def codes(row: ScaleSet) -> dict[str, str]:
    return {reason.code: reason.text for reason in reasons(observe(row.pk, NOW).facts, NOW)}


def test_a_late_answer_is_no_loss_of_contact() -> None:
    contacts = Contacts()
    contacts.answered(1, COPIES)
    contacts.written(contacts.to_write())
    contacts.failed(1, AWAY, 100.0)
    assert contacts.to_write() == {}
    contacts.answered(1, COPIES)
    contacts.failed(1, AWAY, 100.0 + SILENT_SECONDS)
    assert contacts.to_write() == {}, "the silence begins anew after an answer"
    contacts.failed(1, AWAY, 100.0 + 2 * SILENT_SECONDS)
    assert contacts.to_write() == {1: Contact(AWAY, KeptOSDisk.COPY, ("address", "name"))}


def test_the_reason_comes_and_goes_with_the_contact() -> None:
    row = a_scale_set(instances=2)
    head = row.seq
    assert write_contact(row.location_id, Contact(AWAY, KeptOSDisk.EXACT, ()), NOW) == [row.pk]
    assert codes(row)["ProviderUnavailable"] == (
        "The machines cannot be reached: the host does not answer. Nothing is begun until they can."
    )
    assert Event.objects.filter(scale_set=row, seq=head + 1).exists()
    assert write_contact(row.location_id, Contact(AWAY, KeptOSDisk.EXACT, ()), NOW) == [], "nothing new"
    write_contact(row.location_id, Contact("", KeptOSDisk.EXACT, ()), NOW)
    assert "ProviderUnavailable" not in codes(row)


def test_a_contact_says_which_disks_are_kept() -> None:
    row = a_scale_set()
    write_contact(row.location_id, Contact("", KeptOSDisk.NONE, ("name",)), NOW)
    assert observe(row.pk, NOW).facts.kept_os_disk is KeptOSDisk.NONE
    row.refresh_from_db()
    (check,) = (check for check in preflight.checks(row, NOW) if check.reference.kind == "provider")
    assert (check.result, check.says) == ("failed", "There is no rollback: the provider keeps no old OS disk.")
    write_contact(row.location_id, Contact(AWAY, KeptOSDisk.EXACT, ()), NOW)
    assert observe(row.pk, NOW).facts.kept_os_disk is KeptOSDisk.NONE, "not known better while it is away"


def test_a_location_that_cannot_be_used_is_no_end_of_the_prober(tmp_path: Path) -> None:
    row = a_scale_set(instances=1)
    Location.objects.filter(pk=row.location_id).update(provider="nobodys", settings={"no-such-setting": 1})
    found, machines = probed(row), Machines(tmp_path)

    async def asked() -> None:
        assert await machines.views(found) is None
        machines.contacts.failed(row.location_id, AWAY, time.monotonic() + SILENT_SECONDS)
        await machines.close()

    asyncio.run(asked())
    assert machines.endpoint(found, replace(next(iter(found.instances.values())), address="10.0.0.1")) is None
    assert list(machines.contacts.to_write()) == [row.location_id]

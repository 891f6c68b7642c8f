"""Results of instances and what is waited for after them are one transaction and one event, wherever nothing else follows from them."""

from itertools import count
from typing import Any

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from upgrades.core.steps import Why
from upgrades.models import Event, InstanceUpgrade
from upgrades.orchestrator import reconcile

NEW = "16.04.2"


@pytest.fixture
def verified(make_fleet: MakeFleet) -> Fleet:
    """A batch of two, one of them known to be well by now."""
    fleet = make_fleet(10)
    fleet.go_on()
    fleet.publish(NEW)
    fleet.work(fleet.reconcile())
    fleet.sick = {min(members(fleet))}
    fleet.reconcile()
    fleet.probe()
    return fleet


def members(fleet: Fleet) -> dict[int, str]:
    return dict(InstanceUpgrade.objects.filter(upgrade=fleet.upgrade).values_list("instance_number", "state"))


def test_a_result_and_the_following_wait_are_one_event(verified: Fleet) -> None:
    seq = verified.row.seq
    verified.reconcile()
    assert sorted(members(verified).values()) == ["succeeded", "verifying"]
    event = Event.objects.filter(scale_set=verified.id, seq__gt=seq).get()
    assert {"instances", "upgrade", "board"} <= event.body.keys()
    assert event.body["board"]["batch"]["healthy"] == 1
    assert verified.row.decision["code"] == Why.VERIFYING and "1 " in verified.row.decision["text"]
    assert verified.row.lease_until is None and verified.row.reconciled_at == verified.now


def test_a_result_is_recorded_even_where_the_reasons_cannot_be_said(
    verified: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched, pytest.raises(ZeroDivisionError):
        patched.setattr(reconcile, "reasons", broken)
        verified.reconcile()
    assert sorted(members(verified).values()) == ["succeeded", "verifying"]
    verified.reconcile()
    assert verified.row.decision["code"] == Why.VERIFYING


def test_a_result_on_old_facts_is_not_recorded(verified: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody writes between the reconcile and the record: everything is read again, and then recorded."""
    wait_to_store, times = reconcile._wait_to_store, count()

    def meanwhile(*given: Any) -> object:
        if next(times) == 0:
            verified.change(min(members(verified)), health_detail="changed meanwhile")
        return wait_to_store(*given)

    monkeypatch.setattr(reconcile, "_wait_to_store", meanwhile)
    seq = verified.row.seq
    verified.reconcile()
    assert verified.row.seq == seq + 2
    assert sorted(members(verified).values()) == ["succeeded", "verifying"]

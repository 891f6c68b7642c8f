"""Results of instances and what is waited for after them are one transaction and one event, wherever nothing else follows from them."""

from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from upgrades import measures, measuring
from upgrades.core.steps import Why
from upgrades.measuring import Measure, Page
from upgrades.models import Event, InstanceUpgrade, Transition
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


def test_the_last_results_of_a_batch_its_end_and_the_next_batch_are_one_event(verified: Fleet) -> None:
    verified.sick.clear()
    verified.probe()
    seq, ended = verified.row.seq, verified.upgrade.batches.get()
    verified.reconcile()
    event = Event.objects.filter(scale_set=verified.id, seq=seq + 1).get()
    before, after = (batch["finished_at"] for batch in event.body["upgrade"]["batches"])
    assert before and after is None
    states = {instance["id"]: instance["member"]["state"] for instance in event.body["instances"]}
    assert sorted(states.values()) == ["queued", "queued", "succeeded", "succeeded"]
    notes = Transition.objects.filter(scale_set=verified.id, seq=seq + 1, instance_number=None)
    assert list(notes.order_by("pk").values_list("note", flat=True)) == ["Batch 1 finished.", "Batch 2 began."]
    ended.refresh_from_db()
    assert ended.finished_at == verified.now


def test_the_board_of_a_new_batch_comes_when_its_operations_are_begun(verified: Fleet) -> None:
    """A worker need not say what it waits for a moment before, if the time at which it does so anyway is near."""
    verified.sick.clear()
    verified.probe()
    woken = list[int]()
    claims = reconcile.reconcile(verified.id, lambda: verified.now, woken.append)
    assert claims and verified.upgrade.batches.count() == 2
    assert verified.row.lease_until is None and not woken
    assert verified.now < verified.row.reconcile_at <= verified.now + timedelta(seconds=1)
    verified.work(claims)
    assert verified.row.reconcile_at == verified.now


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


@pytest.fixture
def worker_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    """This process is a worker that `up` has started."""
    measuring.make_folder(tmp_path)
    page = Page(measuring.file_of(tmp_path, "worker"))
    monkeypatch.setattr(measuring, "_ours", lambda: page)
    return page


def counted(folder: Path, measure: Measure) -> float:
    """How many observations of a histogram there are."""
    (worker,) = measuring.read(folder)
    return sum(sum(cells[:-1]) for _, cells in measure.read(worker.cells))


@pytest.mark.usefixtures("worker_page")
def test_a_result_is_counted_after_its_commit(
    verified: Fleet, tmp_path: Path, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        verified.reconcile()
    assert counted(tmp_path, measures.BOOT_SECONDS) == 0
    for callback in callbacks:
        callback()
    assert counted(tmp_path, measures.BOOT_SECONDS) == 1


@pytest.mark.usefixtures("worker_page")
def test_outcomes_that_are_written_again_after_a_rollback_are_counted_once(
    make_fleet: MakeFleet, tmp_path: Path, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    fleet = make_fleet(2)
    created = fleet.reconcile()
    with django_capture_on_commit_callbacks(execute=True):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            fleet.work(created)
            raise ZeroDivisionError
        fleet.work(created)
    assert counted(tmp_path, measures.OPERATION_SECONDS) == 2


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

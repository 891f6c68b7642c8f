"""Approving on the pages what a deferred upgrade waits for (A-24)."""

import pytest
from django.test import Client

from tests.commands.test_approvals import approved, deferred_set
from tests.dashboard.acting import act, done, problem
from tests.stories import nothing_changes, publish

pytestmark = pytest.mark.django_db


def test_approving_and_withdrawing_it(ada: Client) -> None:
    deferred_set()
    publish("16.04.9")
    said = done(ada, "approve")
    assert said["said"] == "2 instances approved for 16.04.9."
    assert approved() == {1: "16.04.9", 2: "16.04.9"}
    assert "undo" not in said, "what begins at once cannot be taken back: the page asks before"
    undone = done(ada, "withdraw approval")
    assert undone["said"] == "Approval of 2 instances withdrawn." and approved() == {}
    assert act(ada, "withdraw approval").json()["said"] == "Too late: a batch has already started on them."


def test_approving_twice_is_once(ada: Client) -> None:
    deferred_set()
    publish("16.04.9")
    done(ada, "approve")
    assert act(ada, "approve").json() == {"said": "No instance is waiting for approval of 16.04.9 any more."}


def test_only_instances_shown_on_the_screen_are_approved(ada: Client) -> None:
    deferred_set()
    publish("16.04.9")
    publish("16.04.10")
    with nothing_changes():
        assert "waits for the approval of 16.04.10 by now, not of 16.04.9" in problem(act(ada, "approve"))
        assert problem(act(ada, "approve", version=""))
        assert "no instance 99" in problem(act(ada, "approve", ids="99", version="16.04.10"))

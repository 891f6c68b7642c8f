"""publish_image, start, cancel, opt_out, opt_in and delete_scale_set; the others are in test_steering.py."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest

from dashboard.environment import CHECKOUT
from tests.management.terminal import complains, run
from tests.stories import FIRST_VERSION, UBUNTU, a_scale_set, publish
from upgrades.admin.base import now
from upgrades.commands.opt_outs import opt_out
from upgrades.management.base import user_name
from upgrades.models import ImageVersion, OptOut, RollingUpgrade, ScaleSet

pytestmark = pytest.mark.django_db


# --- publishing -------------------------------------------------------------------------------------------------------


def test_publishing() -> None:
    a_scale_set(instances=1)
    assert run("publish_image", *UBUNTU, "16.04.1").out == (
        "published Canonical:UbuntuServer:16.04-LTS:16.04.1 in all locations; scale sets that follow it: 1"
    )
    said = run("publish_image", *UBUNTU, "16.04.2", "--location", "eastus", "--location", "North Europe")
    assert said.out.endswith("16.04.2 in eastus, North Europe; scale sets that follow it: 0")
    assert ImageVersion.objects.get(version="16.04.2").limited_to.count() == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((*UBUNTU, FIRST_VERSION), [f"has {FIRST_VERSION} as its latest version; {FIRST_VERSION} is not newer"]),
        ((*UBUNTU, "latest"), ["an image version is 2 to 4 numbers", "'latest'"]),
        ((*UBUNTU, "16"), ["an image version is 2 to 4 numbers", "'16'"]),
        ((*UBUNTU, "16.04.1", "--location", "atlantis"), ["LocationNotAvailableForResourceType", "'atlantis'"]),
        (("a", "b", "c", "1.2.3"), ["ImageNotFound: a:b:c is not a supported image", "OpenLogic:CentOS:7.5"]),
        (UBUNTU, ["the following arguments are required: VERSION"]),
    ],
)
def test_invalid_versions_are_refused(words: tuple[str, ...], expected: list[str]) -> None:
    a_scale_set(instances=1)
    with complains(*expected):
        run("publish_image", *words)


# --- starting, cancelling, deleting -----------------------------------------------------------------------------------


def test_starting_and_cancelling() -> None:
    a_scale_set()
    publish("16.04.1")
    assert run("start", "fleet/web").out == "started the upgrade of fleet/web to 16.04.1"
    assert RollingUpgrade.objects.get().started_by_name == user_name()
    with complains("OperationNotAllowed: fleet/web cannot be upgraded"):
        run("start", "fleet/web")
    with complains("OperationNotAllowed: fleet/web cannot be deleted"):
        run("delete_scale_set", "fleet/web")
    said = run("cancel", "FLEET/web").out
    assert said == "the upgrade of FLEET/web to 16.04.1 stops at the end of its batch"
    assert RollingUpgrade.objects.get().cancel_requested_by == user_name()


def test_a_deleted_scale_set_loses_its_machines_first() -> None:
    a_scale_set()
    assert run("delete_scale_set", "fleet/web").out == "fleet/web is being deleted"
    assert ScaleSet.objects.get().deleting
    with complains("there is no scale set 'fleet/web'; there are: none yet"):
        run("delete_scale_set", "fleet/web")


@pytest.mark.parametrize("command", ["start", "cancel", "delete_scale_set", "status"])
def test_unknown_objects_are_refused(command: str) -> None:
    with complains("ResourceNotFound: there is no scale set 'fleet/web'; there are: none yet"):
        run(command, "fleet/web")
    a_scale_set("other", instances=1)
    with complains("there are: fleet/other"):
        run(command, "fleet/web")
    with complains("InvalidParameter: a resource is named RESOURCE_GROUP/NAME", "not 'web'"):
        run(command, "web")


@pytest.mark.parametrize("command", ["start", "cancel", "delete_scale_set"])
def test_missing_arguments_are_refused(command: str) -> None:
    with complains("the following arguments are required: RG/NAME"):
        run(command)


def test_a_cancel_without_a_running_upgrade_is_refused() -> None:
    a_scale_set()
    with complains("Conflict: There is no ongoing Rolling Upgrade to cancel."):
        run("cancel", "fleet/web")


# --- opting out and in ------------------------------------------------------------------------------------------------


def test_opting_out_and_in() -> None:
    a_scale_set()
    assert run("opt_out", "fleet/web", "0", "3", "--reason", "payroll").out == "opted out: web_0, web_3"
    row = OptOut.objects.get(instance__number=3)
    assert (row.owner, row.reason, row.scope) == (user_name(), "payroll", OptOut.Scope.UNTIL)
    assert row.until and row.until - row.created_at == timedelta(days=14)
    assert run("opt_in", "fleet/web", "3").out == "opted in: web_3"
    assert OptOut.objects.filter(ended_at=None).count() == 1


def test_ending_another_persons_opt_out_needs_yes() -> None:
    a_scale_set()
    opt_out("fleet/web", ["3"], reason="holds sessions", owner="bob", now=now(), until=now() + timedelta(days=1))
    with complains("nothing was changed: web_3, opted out by bob until ", ": holds sessions", "--yes"):
        run("opt_in", "fleet/web", "3")
    assert run("opt_in", "fleet/web", "3", "--yes").out == "opted in: web_3"


@pytest.mark.parametrize(("answer", "is_done"), [("y", True), ("yes", True), ("", False), ("n", False)])
def test_a_person_at_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch, answer: str, is_done: bool) -> None:
    a_scale_set()
    opt_out("fleet/web", ["3"], reason="holds sessions", owner="bob", now=now())
    with at_a_terminal(monkeypatch, answer) as asked, nullcontext() if is_done else complains("nothing was changed"):
        run("opt_in", "fleet/web", "3")
    assert "web_3, opted out by bob until" in asked.getvalue() and "[y/N]" in asked.getvalue()
    assert OptOut.objects.filter(ended_at=None).exists() is not is_done


def test_publishing_at_a_terminal_lists_the_affected_scale_sets_first(monkeypatch: pytest.MonkeyPatch) -> None:
    a_scale_set()
    image = ("publish_image", "Canonical", "UbuntuServer", "16.04-LTS", "16.04.9")
    with at_a_terminal(monkeypatch, "n") as asked, complains("nothing was changed"):
        run(*image)
    assert "Upgraded automatically, with the number of instances: fleet/web (10)." in asked.getvalue()
    with at_a_terminal(monkeypatch, ""):
        assert "scale sets that follow it: 1" in run(*image, "--yes").out


def test_publishing_with_redirected_messages_does_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    a_scale_set()
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("sys.stderr", StringIO())
    assert "scale sets that follow it: 1" in run("publish_image", *UBUNTU, "16.04.9").out


@contextmanager
def at_a_terminal(monkeypatch: pytest.MonkeyPatch, answer: str) -> Iterator[StringIO]:
    """Somebody who types this; what is asked."""
    typed, asked = Terminal(f"{answer}\n"), Terminal()
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdin", typed)
        patch.setattr("sys.stderr", asked)
        yield asked


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("2031-09-25", datetime(2031, 9, 25, tzinfo=UTC)),
        ("2031-09-25T14:30+02:00", datetime(2031, 9, 25, 12, 30, tzinfo=UTC)),
        ("2031-09-25 14:30Z", datetime(2031, 9, 25, 14, 30, tzinfo=UTC)),
    ],
)
def test_an_opt_out_ends_at_a_chosen_time(text: str, until: datetime) -> None:
    a_scale_set(instances=1)
    run("opt_out", "fleet/web", "0", "--reason", "x", "--until", text)
    assert OptOut.objects.get().until == until


def test_an_opt_out_lasts_until_the_upgrade_ends_or_for_ever() -> None:
    a_scale_set(instances=2)
    with complains("no upgrade that an opt-out could end with"):
        run("opt_out", "fleet/web", "0", "--reason", "x", "--this-upgrade")
    publish("16.04.9")
    run("start", "fleet/web")
    run("opt_out", "fleet/web", "0", "--reason", "x", "--this-upgrade")
    run("opt_out", "fleet/web", "1", "--reason", "x", "--for-ever")
    assert OptOut.objects.get(instance__number=0).scope == OptOut.Scope.UPGRADE
    assert OptOut.objects.get(instance__number=1).until is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["0"], ["the following arguments are required: --reason"]),
        (["--reason", "x"], ["the following arguments are required: ID"]),
        (["0", "--reason", " "], ["give a reason: an opt-out needs one"]),
        (["0", "--reason", "x" * 501], ["the reason of an opt-out has at most 500 characters, not 501"]),
        (["0", "10", "--reason", "x"], ["ResourceNotFound: fleet/web: no instance 10; its instances: 0 to 9"]),
        (["-1", "--reason", "x"], ["no instance -1"]),
        (["web_0", "--reason", "x"], ["no instance web_0"]),
        (
            ["0", "--reason", "x", "--until", "tomorrow"],
            ["--until: a time is written 2018-09-25 or ", "not 'tomorrow'"],
        ),
        (["0", "--reason", "x", "--until", ""], ["--until: a time is written"]),
        (["0", "--reason", "x", "--until", "2018-02-30"], ["--until: a time is written"]),
        (
            ["0", "--reason", "x", "--until", "2018-09-25"],
            ["an opt-out ends in the future, not at 2018-09-25 00:00:00 UTC"],
        ),
        (["0", "--reason", "x", "--until", "9999-12-31T23:59-12:00"], ["an opt-out ends within ten years or never"]),
        (["0", "--reason", "x", "--for-ever", "--this-upgrade"], ["not allowed with argument"]),
    ],
)
def test_invalid_opt_outs_are_refused(words: list[str], expected: list[str]) -> None:
    a_scale_set()
    with complains(*expected):
        run("opt_out", "fleet/web", *words)


def test_opting_in_an_unknown_instance_is_refused() -> None:
    a_scale_set()
    with complains("no instance 99; its instances: 0 to 9"):
        run("opt_in", "fleet/web", "0", "99")
    with complains("ResourceNotFound: there is no scale set 'fleet/other'"):
        run("opt_in", "fleet/other", "0")


def test_the_terminal_acts_under_the_login_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "x" * 1000)
    assert user_name() == "x" * 150
    a_scale_set(instances=1)
    run("opt_out", "fleet/web", "0", "--reason", "x")
    assert OptOut.objects.get().owner == "x" * 150


def test_a_bad_time_at_a_real_terminal() -> None:
    """A complaint of the parser, not a traceback; no database is needed to find out."""
    words = ["opt_out", "fleet/web", "0", "--reason", "x", "--until", "nonsense"]
    done = subprocess.run([sys.executable, "manage.py", *words], cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("2018-09-25T14:30+02:00, not 'nonsense'")
    assert "Traceback" not in done.stderr

"""What a guest says of itself, as far as it can be read."""

import json

import pytest

from upgrades.core.states import Provisioning
from upgrades.providers.hosts.guest_status import MAX_REPORT, MAX_TEXT, parse

REPORT = {
    "phase": "running",
    "osDisk": "os-1",
    "osVersion": "1.0.0",
    "bootId": "b",
    "work": "",
    "customData": {"exit": 3, "at": "2026-01-01T00:00:01Z"},
    "extensions": [
        {"name": "agent", "version": "1.0", "exit": 0, "at": "2026-01-01T00:00:02Z"},
        {"name": "app", "version": "1.0", "exit": 7, "at": "2026-01-01T00:00:03Z"},
        {"name": "late", "version": "", "exit": 125, "at": "2026-01-01T00:00:04Z"},
    ],
    "dataDisks": [{"lun": 3, "marker": "m"}],
}


def test_a_report_tells_runs_extensions_and_markers() -> None:
    status = parse(json.dumps(REPORT))
    assert status
    assert status.is_up
    assert dict(status.data_disks) == {3: "m"}
    assert [(run.what, run.os_disk) for run in status.runs("os-1")] == [
        ("customData", "os-1"),
        ("agent", "os-1"),
        ("app", "os-1"),
        ("late", "os-1"),
    ]
    agent, app, late = status.extension_views()
    assert (agent.state, agent.message, agent.version) == (Provisioning.SUCCEEDED, "", "1.0")
    assert (app.state, app.message) == (Provisioning.FAILED, "its script ended with code 7")
    assert (late.state, late.message) == (Provisioning.FAILED, "not run: an extension that it comes after failed")


def test_the_last_run_of_an_extension_counts_until_it_is_removed() -> None:
    again = {"name": "app", "version": "2.0", "exit": 0, "at": "2026-01-01T00:01:00Z"}
    gone = {"name": "agent", "removed": True, "exit": 0, "at": "2026-01-01T00:02:00Z"}
    status = parse(json.dumps(REPORT | {"extensions": [*REPORT["extensions"], again, gone]}))
    assert status
    assert {view.name: (view.state, view.version) for view in status.extension_views()} == {
        "app": (Provisioning.SUCCEEDED, "2.0"),
        "late": (Provisioning.FAILED, ""),
    }
    assert [run.what for run in status.runs("d")] == ["customData", "agent", "app", "late", "app"]


@pytest.mark.parametrize("cut_at", range(0, len(json.dumps(REPORT)), 7))
def test_half_a_report_is_none(cut_at: int) -> None:
    assert parse(json.dumps(REPORT)[:cut_at]) is None


@pytest.mark.parametrize(
    "report",
    [
        None,
        "",
        "null",
        "[]",
        b"\xff\xfe",
        "[" * 100_000,
        json.dumps(REPORT | {"phase": 1}),
        json.dumps(REPORT | {"extensions": [{"name": "app"}]}),
        json.dumps(REPORT | {"dataDisks": [{"lun": "x", "marker": "m"}]}),
        json.dumps(REPORT | {"customData": "yes"}),
        json.dumps(REPORT).replace('"exit": 7', '"exit": 1e999'),
        json.dumps(REPORT).replace('"lun": 3', '"lun": 1e999'),
        json.dumps(REPORT).replace('"lun": 3', '"lun": ' + "9" * 5000),
        json.dumps(REPORT | {"work": "[DEEP]"}).replace('"[DEEP]"', "[" * 900 + "]" * 900),
        json.dumps(REPORT | {"more": "x" * MAX_REPORT}),
        json.dumps(REPORT | {"more": "é" * (MAX_REPORT // 4)}, ensure_ascii=False),
    ],
)
def test_a_text_that_is_no_report_is_none(report: str | bytes | None) -> None:
    assert parse(report) is None


def test_texts_of_a_guest_can_be_stored_and_shown() -> None:
    run = {"name": "a\0pp", "exit": 1, "at": "now", "message": "bad\ud800\n\x1b[31m" + "x" * 10_000}
    status = parse(json.dumps(REPORT | {"osVersion": "1.0\0", "extensions": [run]}))
    assert status
    (view,) = status.extension_views()
    assert (status.os_version, view.name, view.message[:10]) == ("1.0", "app", "bad[31mxxx")
    assert len(view.message) <= MAX_TEXT


def test_a_guest_that_has_run_nothing_yet_is_not_up() -> None:
    status = parse(json.dumps(REPORT | {"phase": "starting", "customData": None, "extensions": []}))
    assert status
    assert not status.is_up
    assert status.runs("d") == ()

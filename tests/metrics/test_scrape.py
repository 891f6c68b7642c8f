"""What /metrics says of a fleet, and to whom."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard import health
from dashboard.environment import External
from dashboard.metrics import fleet, installation, series
from dashboard.shared_check import SharedCheck
from tests.metrics.scraping import number, samples, scrape
from tests.stories import a_scale_set, publish
from upgrades import heartbeats, measures, measuring, outages
from upgrades.commands.fleet_stops import stop_fleet
from upgrades.core.instance_states import InstanceState
from upgrades.heartbeats import Heartbeats, Part
from upgrades.models import Instance, Location, ScaleSet
from upgrades.orchestrator.reconcile import reconcile

pytestmark = pytest.mark.django_db
TOKEN = "the-token-of-the-metrics"


def now() -> datetime:
    return timezone.now()  # noqa: TID251  what is compared with it reads the real clock


def a_reconciled_set(name: str = "web", **changes: Any) -> ScaleSet:
    row = a_scale_set(name, now=now(), **changes)
    reconcile(row.pk, now)
    return row


# --- the fleet --------------------------------------------------------------------------------------------------------


def test_instances_are_counted_by_the_board(home: Path) -> None:
    row = a_reconciled_set(instances=10)
    Instance.objects.filter(scale_set=row, number__lt=3).update(health="unhealthy")
    reconcile(row.pk, now)
    text = scrape()
    assert number(text, "instances", scale_set="fleet/web", state="unhealthy") == 3
    states = [labels for labels in samples(text)["rollgrid_instances"]]
    assert len(states) == len(InstanceState)
    assert sum(samples(text)["rollgrid_instances"].values()) == 10
    assert number(text, "unhealthy_instances", scale_set="fleet/web") == 3
    assert number(text, "unhealthy_instances_allowed", scale_set="fleet/web") == 2
    assert number(text, "unhealthy_over_limit", scale_set="fleet/web") == 1
    assert number(text, "scale_sets") == 1


def test_a_running_upgrade_has_a_phase_an_age_and_its_reasons(home: Path) -> None:
    row = a_reconciled_set(instances=10, version="16.04.1")
    publish("16.04.2", now=now() - timedelta(days=3))
    reconcile(row.pk, now)
    text = scrape()
    phases = samples(text)["rollgrid_upgrades_running"]
    assert set(phases) == {(("phase", phase),) for phase in fleet.PHASES} and sum(phases.values()) == 1
    assert 0 <= number(text, "upgrade_age_seconds", scale_set="fleet/web") < 60
    assert number(text, "upgrade_progress_ratio", scale_set="fleet/web") == 0
    assert number(text, "instances_behind", scale_set="fleet/web") == 10
    assert number(text, "wanted_image_age_seconds", scale_set="fleet/web") == pytest.approx(3 * 86400, abs=60)
    reasons = {dict(labels)["reason"] for labels in samples(text)["rollgrid_reason_held_seconds"]}
    assert reasons == {reason["code"] for reason in ScaleSet.objects.get().decision["reasons"]}
    assert number(text, "work_items") >= 1


def test_the_queue_is_as_old_as_the_scale_set_that_waits_longest(home: Path) -> None:
    a_reconciled_set()
    ScaleSet.objects.update(reconcile_at=now() - timedelta(seconds=90), lease_until=None)
    text = scrape()
    assert number(text, "reconcile_queue_length") == 1
    assert number(text, "reconcile_queue_age_seconds") == pytest.approx(90, abs=10)


def test_locations_and_the_fleet_stop(home: Path) -> None:
    row = a_reconciled_set()
    Location.objects.filter(pk=row.location_id).update(provider_error="away")
    assert number(scrape(), "fleet_stopped") == 0
    stop_fleet(reason="a reason", owner="ada", now=now())
    text = scrape()
    assert number(text, "location_up", location=row.location.name, provider="simulated") == 0
    assert number(text, "fleet_stopped") == 1


def test_more_scale_sets_than_have_labels_are_counted_together(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "MAX_SCALE_SETS", 1)
    for name in ("first", "second", "third"):
        a_reconciled_set(name, instances=4)
    found = samples(scrape())["rollgrid_instances"]
    assert {dict(labels)["scale_set"] for labels in found} == {"fleet/first", "other"}
    assert sum(value for labels, value in found.items() if dict(labels)["scale_set"] == "other") == 8


def test_a_scrape_costs_the_same_queries_for_any_number_of_scale_sets(home: Path) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            scrape()
        return len(captured)

    a_reconciled_set("first")
    before = queries()
    for name in ("second", "third", "fourth"):
        a_reconciled_set(name)
    assert queries() == before <= 8


# --- this installation ------------------------------------------------------------------------------------------------


def test_ages_of_heartbeats(home: Path) -> None:
    handle = heartbeats.make(home)
    Heartbeats(handle).worked(Part.PROBER)
    text = scrape()
    os.close(handle)
    assert list(samples(text)["rollgrid_heartbeat_age_seconds"]) == [(("part", "prober"),)]
    assert 0 <= number(text, "heartbeat_age_seconds", part="prober") < 10
    assert number(text, "engine_up") == 0


def test_measures_of_programs_that_have_them(home: Path) -> None:
    for program in ("worker", "daphne", "daphne-2", "beat"):
        measuring.Page(measuring.file_of(home, program))
    page = measuring.Page(measuring.file_of(home, "prober"))
    page.add(measures.PROBE_LAG.at + 3, 5)
    text = scrape()
    assert number(text, "feed_clients", program="daphne-2") == 0
    assert number(text, "upgrades_ended_total", program="worker", status="Completed") == 0
    assert number(text, "probe_lag_seconds_count", program="prober") == 5
    assert number(text, "probe_lag_seconds_bucket", program="prober", le="0.005") == 0
    assert number(text, "probe_lag_seconds_bucket", program="prober", le="0.01") == 5
    assert number(text, "probe_lag_seconds_bucket", program="prober", le="+Inf") == 5
    programs = {dict(labels)["program"] for labels in samples(text)["rollgrid_provider_errors_total"]}
    assert programs == {"worker", "prober"}


def test_an_outage_of_the_database_is_told_with_all_that_needs_none(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError("away")

    monkeypatch.setitem(health.CHECKS, "database", SharedCheck(fail, outages.why))
    text = scrape()
    assert number(text, "database_up") == 0 and number(text, "broker_up") == 1
    assert "rollgrid_scale_sets" not in text


def test_each_name_is_there_once_and_explained() -> None:
    helps = {gauge.full_name: gauge.help for gauge in (*fleet.GAUGES, *installation.GAUGES)}
    helps |= {measure.name: measure.help for measure in measures.ALL}
    assert len(helps) == len(fleet.GAUGES) + len(installation.GAUGES) + len(measures.ALL)
    assert all(text.endswith(".") and len(text) > 8 for text in helps.values())


# --- who may read it --------------------------------------------------------------------------------------------------


def status(client: Client | None = None, remote: str = "192.0.2.7", **headers: str) -> int:
    sent = {"host": "localhost:8000", **headers}
    return (client or Client()).get("/metrics", headers=sent, REMOTE_ADDR=remote).status_code


def test_other_computers_need_the_token(home: Path, settings: Any) -> None:
    assert status(remote="127.0.0.1") == status(remote="::1") == 200
    assert status() == 401
    assert status(authorization=f"Bearer {TOKEN}") == 401  # none is set
    settings.METRICS_TOKEN = TOKEN
    assert status(authorization=f"Bearer {TOKEN}") == 200
    assert status(authorization=f"bearer {TOKEN[:-1]}") == status(authorization=f"Basic {TOKEN}") == 401
    assert status(authorization="Bearer ") == status() == 401


def test_requests_through_a_proxy_or_by_another_name_need_the_token_too(home: Path, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert status(remote="127.0.0.1", host="rollgrid.example.com") == 401
    settings.EXTERNAL = External("https", "rollgrid.example.com", "")
    assert status(remote="127.0.0.1") == 401


def test_staff_may_read_and_other_people_may_not(home: Path) -> None:
    for name, is_staff in (("ada", True), ("bob", False)):
        client = Client()
        client.force_login(User.objects.create_user(name, is_staff=is_staff))
        assert status(client) == (200 if is_staff else 401)


def test_openmetrics_is_given_on_request(home: Path) -> None:
    plain = Client().get("/metrics", headers={"host": "localhost"})
    assert plain.headers["Content-Type"].startswith("text/plain; version=")
    assert plain.headers["Cache-Control"] == "no-store"
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    opened = Client().get("/metrics", headers={"host": "localhost", "accept": accept})
    assert opened.headers["Content-Type"].startswith("application/openmetrics-text")
    assert opened.content.endswith(b"# EOF\n")
    assert Client().post("/metrics", headers={"host": "localhost"}).status_code in (403, 405)


def test_no_secret_is_in_it(home: Path, settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    a_reconciled_set(instances=2)
    text = scrape()
    assert TOKEN not in text and settings.SECRET_KEY not in text

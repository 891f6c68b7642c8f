"""Upgrades of the extensions in the feed."""

import pytest

from tests.feed_client import validator
from tests.stories import NOW, a_scale_set, publish, snapshot_equals_events
from upgrades.commands.upgrades import start, start_extensions
from upgrades.feed import read
from upgrades.models import Event
from upgrades.orchestrator.reconcile import reconcile

pytestmark = pytest.mark.django_db
SCRIPT = {"name": "Script", "properties": {"publisher": "p", "type": "t"}}


def test_an_extension_upgrade_says_which_extensions_it_brings() -> None:
    row = a_scale_set(probe="/health", extensions=[SCRIPT])
    with snapshot_equals_events():
        start_extensions("fleet/web", "ada", NOW)
        reconcile(row.pk, lambda: NOW)
    said = read.snapshot(row.pk)
    assert said["scale_set"]["extensions"] == said["upgrade"]["extensions"] == ["health 1.0", "script"]
    assert (said["upgrade"]["kind"], said["upgrade"]["target"]["version"]) == ("extensions", "")
    assert said["upgrade"]["progress"] == {"successful": 0, "failed": 0, "in_progress": 2, "pending": 8}
    assert [instance["operation"] for instance in said["instances"].values()][:3] == ["extensions", "extensions", ""]
    assert said["scale_set"]["decision"]["code"] == "RunningExtensions"
    for event in Event.objects.all():
        place = {"set": "fleet/web", "stream": said["stream"], "since": event.seq - 1, "seq": event.seq, "at": "now"}
        validator().validate({"type": "delta", **place, **event.body})


def test_an_image_upgrade_names_no_extensions() -> None:
    row = a_scale_set()
    publish("16.04.1")
    start("fleet/web", "ada", NOW)
    said = read.snapshot(row.pk)
    assert (said["upgrade"]["kind"], said["upgrade"]["extensions"], said["scale_set"]["extensions"]) == (
        "image",
        [],
        [],
    )

"""The page of a scale set's checks: what the model refers to, and the steps of recovery."""

from datetime import timedelta

import pytest
from django.test import Client

from tests.dashboard.people import HERE, text, the_time
from tests.stories import NOW, a_batch, a_scale_set, document, publish
from upgrades.commands.upgrades import start
from upgrades.core.credentials import Credential, FailedReference, failed_to_json, to_json
from upgrades.core.states import InstanceUpgradeState, UpgradeStatus
from upgrades.models import InstanceUpgrade, RollingUpgrade, ScaleSet

pytestmark = pytest.mark.django_db
PAGE = f"{HERE}checks/"
FRAGMENTS = [f"{PAGE}references/", f"{PAGE}recovery/"]


def with_script(uri: str) -> None:
    properties = {"publisher": "Microsoft.Azure.Extensions", "type": "CustomScript", "settings": {"fileUris": [uri]}}
    a_scale_set(model=document(extensions=[{"name": "script", "properties": properties}]))


def stopped() -> RollingUpgrade:
    """An upgrade that stopped with its first batch."""
    publish("2.0.0")
    row = a_scale_set(instances=5)
    start(str(row), "ada", NOW)
    a_batch(row.upgrades.get(), {0: InstanceUpgradeState.FAILED})
    InstanceUpgrade.objects.update(error_message="the extension could not fetch <a.sh>")
    RollingUpgrade.objects.update(
        status=UpgradeStatus.FAULTED, ended_at=NOW, error={"code": "MaxUnhealthy", "message": "too many are unhealthy"}
    )
    return RollingUpgrade.objects.get()


@pytest.mark.parametrize("path", FRAGMENTS)
def test_fragments_require_signing_in(ada: Client, path: str) -> None:
    assert ada.get(path).status_code == 404
    a_scale_set(instances=1)
    assert Client().get(path).status_code == 302
    assert ada.get(path).status_code == 200
    assert ada.post(path).status_code == 405


def test_references_are_listed_without_their_secrets_and_failures_come_first(ada: Client) -> None:
    """S-45"""
    with_script("https://store.example/a.sh?se=2018-01-01&sig=hunter2")
    page = text(ada.get(f"{PAGE}references/"))
    assert "https://store.example/a.sh" in page and "expired at 2018-01-01" in page
    assert "hunter2" not in page
    assert page.index("Fails") < page.index("Not checked")


def test_the_page_leads_to_its_checks_and_back(ada: Client) -> None:
    a_scale_set(instances=1)
    assert f'href="{PAGE}"' in text(ada.get(HERE))
    page = text(ada.get(PAGE))
    assert f'href="{HERE}"' in page and "Recovery in four steps" not in page


def test_a_stopped_upgrade_shows_the_four_steps(ada: Client) -> None:
    """S-44: which credential to renew."""
    stopped()
    ended = Credential("properties.x", "https://store.example/a.sh", the_time() - timedelta(days=1))
    failed = FailedReference("properties.y", "https://other.example/b.sh", "its server answers 404: there is nothing")
    ScaleSet.objects.update(
        credentials=to_json([ended]), failed_references=failed_to_json([failed]), references_due_at=NOW
    )
    for path in (PAGE, f"{PAGE}recovery/"):
        page = text(ada.get(path))
        assert page.index("Renew the credentials") < page.index("https://store.example/a.sh")
        assert page.index("Check what the machines call") < page.index("https://other.example/b.sh")
        assert page.index("Update the model") < page.index("manage.py put_scale_set fleet/web FILE")
        assert "the extension could not fetch &lt;a.sh&gt;" in page and "too many are unhealthy" in page


def test_steps_that_are_done_say_so(ada: Client) -> None:
    stopped()
    RollingUpgrade.objects.update(retry_skipped_by="a new model")
    ScaleSet.objects.update(references_due_at=NOW)
    page = text(ada.get(f"{PAGE}recovery/"))
    assert "No credential of the model has expired." in page and "It was changed after the upgrade stopped." in page
    assert "The next upgrade takes all instances, the failed ones too. It begins by itself." in " ".join(page.split())

"""`manage.py withdraw_image`"""

import pytest

from tests.management.terminal import complains, run
from tests.stories import UBUNTU, a_scale_set, publish
from upgrades.models import ImageVersion

pytestmark = pytest.mark.django_db
NEW = "16.04.1"


def test_a_version_is_withdrawn_and_put_back() -> None:
    publish(NEW)
    a_scale_set(version=NEW)
    said = run("withdraw_image", *UBUNTU, NEW, "--reason", "it panics").out
    assert said.splitlines() == [
        f"withdrawn {':'.join(UBUNTU)}:{NEW}; the newest version that is left: 0.0.1",
        "  fleet/web runs it, is being upgraded to it, or is pinned to it: manage.py status fleet/web",
    ]
    assert ImageVersion.objects.get(version=NEW).withdrawn_by
    assert "was withdrawn already" in run("withdraw_image", *UBUNTU, NEW, "--reason", "again").out
    assert "is no longer withdrawn" in run("withdraw_image", *UBUNTU, NEW, "--undo").out
    assert "was not withdrawn" in run("withdraw_image", *UBUNTU, NEW, "--undo").out


def test_withdrawing_needs_a_reason_and_a_published_version() -> None:
    with complains("say why: --reason R"):
        run("withdraw_image", *UBUNTU, "0.0.1")
    with complains("has no version '7.7'. Its newest are: 0.0.1"):
        run("withdraw_image", *UBUNTU, "7.7", "--reason", "x")

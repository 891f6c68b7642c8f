"""What changes in an image, as the terminal tells it."""

import hashlib
import json

import pytest

from tests.core.test_image_contents import NEW, OLD
from tests.management.terminal import complains, run
from tests.stories import NOW, UBUNTU, a_scale_set, publish
from upgrades import catalog, plans
from upgrades.commands.images import preview_publication
from upgrades.core.facts import ImageReference
from upgrades.core.image_contents import ImageContents, contents_to_json
from upgrades.models import ImportedImage, Location, ScaleSet

pytestmark = pytest.mark.django_db
FIRST, NEXT = "0.0.1", "16.04.9"
COMPARED = "OS Debian 12.1 → Debian 12.2; kernel 6.1.0-56 → 6.1.0-57; 1 package changes, 1 added, 1 removed."


def imported(row: ScaleSet, version: str, contents: ImageContents) -> None:
    packages = contents.packages
    ImportedImage.objects.create(
        sku=row.sku,
        version=version,
        location=row.location,
        sha256=hashlib.sha256(version.encode()).hexdigest(),
        size=3 * 1024**2,
        contents=contents_to_json(contents),
        package_count=None if packages is None else len(packages),
        imported_at=NOW,
    )


def a_set_with_imports() -> ScaleSet:
    found = a_scale_set(instances=4)
    imported(found, FIRST, OLD)
    imported(found, NEXT, NEW)
    publish(NEXT)
    return found


@pytest.fixture
def row() -> ScaleSet:
    return a_set_with_imports()


def test_the_plan_lists_the_changes_of_the_image(row: ScaleSet) -> None:
    told = run("status", str(row), "--plan").out
    assert f"  changes    From {FIRST} to {NEXT}: {COMPARED}" in told
    plan = json.loads(run("status", str(row), "--plan", "--json").out)
    assert plan["changes"][0]["kernel"] == ["6.1.0-56", "6.1.0-57"]
    assert plan["changes"][0]["changed"] == [["bash", "5.2", "5.3"]]


def test_several_versions_are_compared_and_one_without_contents_is_said_to_be_so(row: ScaleSet) -> None:
    row.instances.filter(number=0).update(version="0.0.2")
    told = run("status", str(row), "--plan").out
    assert told.index(f"From {FIRST} to {NEXT}") < told.index(f"What changes from 0.0.2 to {NEXT} is not known.")


def test_a_question_before_publishing_lists_the_changes_of_the_image() -> None:
    row = a_scale_set(instances=4)
    imported(row, FIRST, OLD)
    imported(row, NEXT, NEW)
    found = preview_publication(ImageReference(*UBUNTU, NEXT), locations=[row.location.name])
    assert found.sentences[-1] == f"From {FIRST} to {NEXT}: {COMPARED}"
    assert preview_publication(ImageReference(*UBUNTU, "16.04.10")).changes == ()


def test_changes_are_not_mentioned_in_a_location_without_imports() -> None:
    row = a_scale_set(instances=4)
    publish(NEXT)
    assert "changes" not in run("status", str(row), "--plan").out
    assert plans.image_changes(row, NEXT) == []


def test_two_versions_are_compared_package_by_package(row: ScaleSet) -> None:
    words = ("compare_images", *UBUNTU, FIRST, NEXT, "--location", row.location.name)
    lines = run(*words).out.splitlines()
    assert lines[0].endswith(COMPARED)
    assert [line.split() for line in lines[1:]] == [
        ["bash", "5.2", "→", "5.3"],
        ["nano", "added", "→", "7.2"],
        ["gone", "1.0", "→", "removed"],
    ]
    assert json.loads(run(*words, "--json").out)["added"] == [["nano", "7.2"]]
    assert "is not known" in run("compare_images", *UBUNTU, "9.9", NEXT, "--location", row.location.name).out
    with complains("no such location"):
        run("compare_images", *UBUNTU, FIRST, NEXT, "--location", "nowhere")


def test_versions_of_different_locations_are_not_compared(row: ScaleSet) -> None:
    ImportedImage.objects.filter(version=FIRST).update(location=Location.objects.exclude(pk=row.location_id).first())
    (overview,) = [each for each in catalog.overview() if each.sku == row.sku]
    assert overview.changes is None
    assert [len(each.imports) for each in overview.versions] == [1, 1]

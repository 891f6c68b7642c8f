"""What changes in an image, as pages tell it."""

from dataclasses import replace

import pytest
from django.test import Client

from tests.core.test_image_contents import NEW
from tests.dashboard.people import HERE, the_time
from tests.management.test_image_changes import COMPARED, FIRST, NEXT, a_set_with_imports
from upgrades.core.image_contents import contents_to_json
from upgrades.models import ImportedImage, ScaleSet

pytestmark = pytest.mark.django_db


@pytest.fixture
def row() -> ScaleSet:
    return a_set_with_imports()


def test_the_question_before_a_start_lists_the_changes_of_the_image(ada: Client, row: ScaleSet) -> None:
    ScaleSet.objects.update(probed_at=the_time())
    (changes,) = ada.get(f"{HERE}would/start/").json()["changes"]
    assert changes["says"]["text"].endswith(COMPARED)
    assert changes["packages"][0] == ["bash", "5.2", "5.3"]


def test_the_images_page_lists_contents_and_changes_of_versions(ada: Client, row: ScaleSet) -> None:
    page = ada.get("/images/").content.decode()
    assert "Debian 12.2</span>, kernel 6.1.0-57, 3 packages, 3.0" in page
    assert f"From {FIRST} to {NEXT}: {COMPARED}" in page
    assert '<th scope="row">bash</th><td>5.2</td><td>5.3</td>' in page


def test_a_page_with_a_hostile_name_shows_it_as_text(ada: Client, row: ScaleSet) -> None:
    evil = replace(NEW, os_name="<script>alert(1)</script>", packages={"<b>": "<i>"})
    ImportedImage.objects.filter(version=NEXT).update(contents=contents_to_json(evil))
    page = ada.get("/images/").content.decode()
    assert "<script>alert" not in page and "<b>&" not in page and "&lt;i&gt;" in page

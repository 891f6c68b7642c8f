"""A page in another language brings the texts of its scripts, with the engine's sentences among them; an English one needs none."""

import json
import re

import pytest
from django.template.loader import render_to_string
from django.test import Client

from dashboard.page_texts import texts_in
from tests.dashboard.people import text

pytestmark = pytest.mark.django_db


def test_an_english_page_brings_none(ada: Client) -> None:
    assert texts_in("en") == {} and 'id="texts"' not in text(ada.get("/"))


def test_a_page_brings_the_texts_as_data_that_its_scripts_read() -> None:
    told = {"Paused": "Pausad av {by}, </script> & så"}
    page = render_to_string("base.html", {"page_texts": told})
    (found,) = re.findall(r'<script id="texts" type="application/json">(.*?)</script>', page)
    assert json.loads(found) == told


def test_a_language_without_files_has_no_texts() -> None:
    assert texts_in("xx") == {}

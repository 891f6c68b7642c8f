"""The page of a wall: language and colours are in its address; what it does not know it does without."""

import pytest
from django.test import Client

from dashboard import wall
from tests.stories import NOW
from upgrades.commands.wallboard_links import create_link

pytestmark = pytest.mark.django_db


def page_of(client: Client, query: str) -> str:
    return client.get(f"/wall/{create_link('lobby', 'ada', NOW)[1]}/{query}").content.decode()


def test_a_wall_is_english_and_dark(client: Client) -> None:
    page = page_of(client, "")
    assert '<html lang="en"' in page and 'data-theme="dark"' in page and 'id="texts"' not in page


def test_a_wall_in_swedish_has_its_texts_with_it(client: Client) -> None:
    page = page_of(client, "?lang=sv&theme=light")
    assert '<html lang="sv"' in page and 'data-theme="light"' in page
    assert "skalningsupps" in page and "TooManyUnhealthy" in page


@pytest.mark.parametrize("query", ["?lang=tlh&theme=red", '?lang=%22%3E%3Cscript%3E&theme="><script>'])
def test_unknown_options_are_not_written_into_the_page(client: Client, query: str) -> None:
    page = page_of(client, query)
    assert '<html lang="en"' in page and 'data-theme="dark"' in page and "tlh" not in page and "><script>" not in page


def test_a_wall_offers_english_and_swedish() -> None:
    assert wall.languages() == ["en", "sv"]

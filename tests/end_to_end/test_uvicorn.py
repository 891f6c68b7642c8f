"""A sample of the stories of the web server, on uvicorn. `make test-uvicorn` runs all of them on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.end_to_end.conftest import HEALTH_WAIT_SECONDS
from tests.end_to_end.installation import Installation, installation
from tests.end_to_end.test_bodies import (  # noqa: F401
    test_a_head_that_is_too_large_is_refused,
    test_a_message_of_a_websocket_that_is_too_large_is_refused_with_the_reason,
    test_a_websocket_that_brings_a_body_is_refused,
    test_bodies_within_the_limit_are_answered,
    test_data_that_is_no_http_is_refused,
    test_each_face_refuses_in_its_own_shape,
    test_expect_100_is_answered_before_the_body,
    test_requests_behind_one_another_are_answered_in_their_order,
)
from tests.end_to_end.test_feed import (  # noqa: F401
    ada,
    fleet,
    link,
    nobody,
    test_a_connection_without_a_session_is_told_so_and_closed,
    test_a_revoked_link_ends_and_its_token_is_in_no_log,
    test_a_token_opens_the_socket_without_a_session,
    test_events_are_the_messages_of_the_socket,
    test_only_the_sets_that_were_asked_for_are_served,
    test_snapshots_are_compressed_and_not_sent_twice,
    test_the_feed_is_served_over_https_too,
    test_the_stream_of_a_revoked_link_ends,
)
from tests.supervisor.starting import need

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def up(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Installation]:
    """As that of the other files, on uvicorn."""
    need("uvicorn")
    home: Path = tmp_path_factory.mktemp("up") / "home"
    more = {"ROLLGRID_HEALTH_WAIT_SECONDS": str(HEALTH_WAIT_SECONDS)}
    with django_db_blocker.unblock(), installation(home, server="uvicorn", **more) as running:
        yield running


def test_uvicorn_serves(up: Installation) -> None:
    assert "uvicorn" in up.children()
    assert "daphne" not in up.children()

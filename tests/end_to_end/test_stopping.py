"""Stopping in the midst of requests: nothing of it is left in the log."""

from pathlib import Path

import pytest

from tests.end_to_end.installation import installation
from tests.end_to_end.wire import head, line

pytestmark = [pytest.mark.end_to_end, pytest.mark.django_db]


def test_requests_that_have_not_come_whole_are_no_reason_for_a_traceback_at_the_end(tmp_path: Path) -> None:
    """It came once in twenty stops, whenever somebody was just asking."""
    with installation(tmp_path / "home") as up, line(up) as first, line(up, tls=True) as second, line(up) as third:
        first.send(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        second.send(head("POST", "/login/", "Content-Length: 100"), b"a=b")
        third.send(head("GET", "/healthz"))
        assert third.until(b"alive").startswith(b"HTTP/1.1 200 ")
        assert up.end() == 0
        said = up.said()
    assert "Traceback" not in said, said[said.index("Traceback") :]

"""What a model refers to is called, where that is allowed: real servers with and without TLS on this computer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import override_settings

from tests.probes.certificates import pair, serving
from tests.stories import NOW, a_scale_set, document, snapshot_equals_events
from upgrades import outgoing
from upgrades.commands.model_references import EVERY, check_references, due_for_a_check
from upgrades.commands.reference_checks import MAX_CALLS, Check, check_all
from upgrades.commands.scale_sets import set_model
from upgrades.core.references import references
from upgrades.models import ScaleSet

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)
SIGNED = "?sv=2018-03-28&se={end}&sig=hunter2%2Bsecret%3D"
VALID, ENDED = SIGNED.format(end="2018-12-01T00%3A00%3A00Z"), SIGNED.format(end="2018-09-01T00%3A00%3A00Z")


class Store(BaseHTTPRequestHandler):
    """Answers with the status that the address names, and remembers what was asked."""

    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        status = int(self.path.split("/")[1].partition("?")[0])
        self.send_response(status)
        self.send_header("Content-Length", "5")
        if status == 302:
            self.send_header("Location", "/200/elsewhere")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: Any) -> None:
        return None


@contextmanager
def a_store(certificate: str = "", *, is_listed: bool = True) -> Iterator[str]:
    """The origin of a server, with this certificate of tests/probes/certificates.py or without, which may be called meanwhile."""
    Store.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Store) as server:
        if certificate:
            server.socket = serving(certificate).wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        origin = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
        with override_settings(OUTGOING_HOSTS=[origin] if is_listed else []):
            yield origin
        server.shutdown()
        thread.join()


def with_files(*addresses: str, capacity: int = 3) -> dict[str, Any]:
    """A scale set's document whose extension fetches these."""
    settings = {"fileUris": list(addresses)}
    properties = {"publisher": "Microsoft.Azure.Extensions", "type": "CustomScript", "settings": settings}
    return document(extensions=[{"name": "script", "properties": properties}], capacity=capacity)


def check(*addresses: str) -> list[Check]:
    return check_all(references(with_files(*addresses)), NOW)


# --- what may be called -----------------------------------------------------------------------------------------------


def test_nothing_is_called_that_is_not_listed(settings: LazySettings) -> None:
    with a_store(is_listed=False) as store:
        for listed in ([], ["127.0.0.1"], ["*.example.com", "http://127.0.0.1:1"]):
            settings.OUTGOING_HOSTS = listed
            (found,) = check(f"{store}/200/a.sh")
            assert (found.result, Store.asked) == ("not checked", [])
            assert "ROLLGRID_OUTGOING_HOSTS does not list its host" in found.says


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f000001", "10.0.0.1"]
)
def test_private_addresses_are_not_called_however_they_are_spelled(settings: LazySettings, host: str) -> None:
    settings.OUTGOING_HOSTS = [host]
    refusals = (outgoing.NotAllowed, outgoing.CallFailed)
    with pytest.raises(refusals, match="private or local address|InvalidUrl"):
        outgoing.fetch(f"https://{host}/", outgoing.of_models())


@pytest.mark.parametrize(
    ("listed", "address", "is_called"),
    [
        ("http://127.0.0.1:1", "http://127.0.0.1:1/a", True),
        ("http://127.0.0.1:1", "http://127.0.0.1:2/a", False),
        ("http://127.0.0.1:1", "https://127.0.0.1:1/a", False),
        ("http://example.com", "http://example.com:80/a", True),
        ("*.example.com", "https://a.example.COM/x", True),
        ("*.example.com", "https://example.com/x", False),
        ("example.com", "https://example.com:443/x", True),
        ("example.com", "https://example.com:444/x", False),
        ("example.com", "http://example.com/x", False),
        ("example.com", "https://user:word@example.com/x", False),
        ("example.com", "ftp://example.com/x", False),
        ("example.com", "https://example.com.evil.org/x", False),
        ("example.com", "https://[", False),
        ("[::1]", "https://[::1]/", True),
        ("http://[::1]:80", "http://[::1]/", True),
    ],
)
def test_hosts_are_listed_by_name_or_as_whole_origins(
    settings: LazySettings, listed: str, address: str, is_called: bool
) -> None:
    settings.OUTGOING_HOSTS = [listed]
    assert outgoing.of_models().has(address) is is_called


def test_redirects_are_not_followed() -> None:
    with a_store() as store:
        assert outgoing.fetch(f"{store}/302", outgoing.of_models()).status == 302
        assert Store.asked == ["/302"]


def test_content_is_fetched_up_to_a_size() -> None:
    with a_store() as store:
        assert outgoing.fetch(f"{store}/200", outgoing.of_models(), 5).content == b"hello"
        with pytest.raises(outgoing.CallFailed, match="more than 4 bytes"):
            outgoing.fetch(f"{store}/200", outgoing.of_models(), 4)


# --- what the answers mean --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "result", "says"),
    [
        ("/200/a.sh", "ok", "its server answers 200"),
        (f"/200/a.sh{VALID}", "ok", "valid for 66 more days, until 2018-12-01 00:00:00 UTC"),
        (f"/403/a.sh{VALID}", "failed", "the signature is not accepted"),
        ("/403/a.sh", "not checked", "it is there, and wants to know who asks"),
        ("/404/a.sh", "failed", "there is nothing"),
        ("/405/a.sh", "not checked", "it is there"),
        ("/503/a.sh", "failed", "it does not work now"),
    ],
)
def test_answers_mean_one_of_three_results(path: str, result: str, says: str) -> None:
    with a_store() as store:
        (found,) = check(store + path)
        assert (found.result, says in found.says) == (result, True), found.says
        assert Store.asked == [path], "the signature comes as it was written"
    assert "hunter2" not in f"{found} {found.says} {found.reference.shown}"


def test_an_ended_signature_has_failed_whatever_its_server_answers() -> None:
    with a_store() as store:
        (found,) = check(f"{store}/200/a.sh{ENDED}")
    assert (found.result, found.says) == (
        "failed",
        "expired at 2018-09-01 00:00:00 UTC: make a new one and update the model",
    )


def test_a_server_that_is_not_there(settings: LazySettings) -> None:
    with a_store() as store:
        pass
    settings.OUTGOING_HOSTS = [store]
    (found,) = check(f"{store}/200/a.sh{VALID}")
    assert found.result == "failed" and "127.0.0.1 cannot be reached: " in found.says and "hunter2" not in found.says


@pytest.mark.parametrize(
    ("certificate", "result", "says"),
    [
        ("self signed", "ok", "the certificate of its server ends at 2119-12-08 00:00:00 UTC"),
        ("expired", "failed", "the certificate of 127.0.0.1 is not valid: certificate has expired"),
        ("for another name", "failed", "the certificate of 127.0.0.1 is not valid"),
    ],
)
def test_certificates(settings: LazySettings, tmp_path: Path, certificate: str, result: str, says: str) -> None:
    """S-42: those of servers that the model names."""
    (tmp_path / "ca.pem").write_bytes(pair(certificate))
    settings.OUTGOING_CA = str(tmp_path / "ca.pem")
    with a_store(certificate) as store:
        (found,) = check(f"{store}/200/a.sh")
    assert (found.result, says in found.says) == (result, True), found.says


def test_many_addresses_are_called_up_to_a_number() -> None:
    with a_store() as store:
        found = check(*(f"{store}/200/{number}" for number in range(MAX_CALLS + 3)))
        assert len(Store.asked) == MAX_CALLS
    assert [each.result for each in found] == ["ok"] * MAX_CALLS + ["not checked"] * 3


# --- each day, and when it matters ------------------------------------------------------------------------------------


def test_a_failure_is_stored_until_the_model_or_the_answer_changes() -> None:
    with a_store() as store:
        row = a_scale_set(model=with_files(f"{store}/404/a.sh"))
        assert due_for_a_check(NOW) == [row.pk]
        with snapshot_equals_events():
            check_references(row.pk, lambda: LATER)
        row.refresh_from_db()
        assert [each["says"] for each in row.failed_references] == ["its server answers 404: there is nothing"]
        assert due_for_a_check(LATER) == [] and due_for_a_check(LATER + EVERY) == [row.pk]
        # Other changes leave it as it is; another address is checked at once.
        set_model(str(row), with_files(f"{store}/404/a.sh", capacity=5), LATER)
        row.refresh_from_db()
        assert row.failed_references and not due_for_a_check(LATER)
        set_model(str(row), with_files(f"{store}/200/b.sh", capacity=5), LATER)
        row.refresh_from_db()
        assert not row.failed_references and due_for_a_check(LATER) == [row.pk]
        check_references(row.pk, lambda: LATER)
        assert due_for_a_check(LATER) == []


def test_a_check_of_a_model_that_changed_meanwhile_is_thrown_away() -> None:
    with a_store() as store:
        row = a_scale_set(model=with_files(f"{store}/404/a.sh"))

        def clock() -> Any:
            # The clock is read after the calls, and before anything is stored.
            if Store.asked:
                set_model(str(row), with_files(f"{store}/200/b.sh"), LATER)
            return LATER

        check_references(row.pk, clock)
        row.refresh_from_db()
        assert not row.failed_references and due_for_a_check(LATER) == [row.pk]


def test_scale_sets_from_before_learn_when_their_credentials_end() -> None:
    row = a_scale_set(model=with_files(f"https://store.example/a.sh{VALID}"))
    (known,) = ScaleSet.objects.get().credentials
    assert known["shown"] == "https://store.example/a.sh" and known["ends_at"] == "2018-12-01T00:00:00.000Z"
    ScaleSet.objects.update(credentials=[], references_due_at=None)
    check_references(row.pk, lambda: LATER)
    assert ScaleSet.objects.get().credentials == [known]
    check_references(row.pk + 1, lambda: LATER)  # it is gone

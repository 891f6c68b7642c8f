"""The clients that others get (clients/), and one written from docs/feed.md alone, at a running product: their copy is what there is."""

import asyncio
import json
import re
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import expect, sync_playwright
from rollgrid_feed import Change, FeedCopy, Refused
from websockets.exceptions import ConnectionClosedError

from dashboard.environment import CHECKOUT
from tests.browser.chromium import CHROMIUM, FLAGS
from tests.crash.fleets import have_ended, publish, put_fleets
from tests.crash.troubles import halted
from tests.end_to_end.document_client import follow_until
from tests.end_to_end.feed_copies import SECONDS, WEB, Reader, reading, snapshot
from tests.end_to_end.feed_programs import Program, clients_of, environment, node_words, program, python_words
from tests.end_to_end.installation import LIVE, Installation
from tests.feed_client import Session
from tests.waiting import wait_until
from upgrades.core.ranges import count_in, numbers_in
from upgrades.models import ScaleSet

OTHER = "shown/other"
pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


@pytest.fixture(scope="module")
def fleet(up: Installation) -> Installation:
    put_fleets(up, {WEB: 12, OTHER: 2})
    return up


@pytest.fixture(scope="module")
def site(fleet: Installation) -> str:
    return f"http://127.0.0.1:{fleet.http_port}"


def token_of(up: Installation, name: str, *words: str) -> str:
    token: str = json.loads(up.manage("wallboard_link", name, *words, "--json"))["token"]
    return token


@pytest.fixture(scope="module")
def token(fleet: Installation) -> str:
    return token_of(fleet, "copies", "--set", WEB)


def test_a_copy_equals_the_snapshot_through_an_upgrade(fleet: Installation, site: str, token: str) -> None:
    """While nobody reads its changes, too: those are joined, and none is lost."""

    async def story(copy: FeedCopy) -> Reader:
        async with reading(copy) as reader:
            await reader.until(reader.equals_snapshot)
            reader.may_read.clear()
            version = await asyncio.to_thread(publish, fleet)
            await asyncio.to_thread(_wait_ended, version)
            await reader.until(reader.equals_snapshot)
            unread = len(copy._unread)
            reader.may_read.set()
            assert unread <= 2, "one for each set, and one for the feed"
            await reader.until(lambda: _is(any(_joins_instances(change) for change in reader.read)))
            taken = [instance for instance in copy.sets[WEB]["instances"].values() if not instance["opt_out"]]
            assert {instance["version"] for instance in taken} == {version}
        return reader

    copy = FeedCopy(site, token)
    reader = asyncio.run(story(copy))
    assert reader.reasons() == ["new"], "after the first snapshot, deltas did it all"
    assert {change.kind for change in reader.read} == {"live", "snapshot", "delta"}
    joined = next(change for change in reader.read if _joins_instances(change))
    assert joined.instances <= copy.sets[WEB]["instances"].keys()
    assert copy.sets.keys() == {WEB}, "the link shows no more"


def _joins_instances(change: Change) -> bool:
    return change.kind == "delta" and len(change.instances) > 1


async def _is(value: bool) -> bool:
    return value


def _wait_ended(version: str) -> None:
    """In a thread of its own, which leaves no connection."""
    try:
        wait_until(lambda: have_ended([WEB], version), seconds=SECONDS, what="the upgrade's end")
    finally:
        connections[LIVE].close()


def test_a_copy_outlives_restarts_gaps_and_streams(fleet: Installation, site: str, token: str) -> None:
    """A restart with nothing missed is continued; what was missed is a gap; a restored backup is another stream. Nothing is cleared."""

    async def story(copy: FeedCopy) -> list[str]:
        async with reading(copy) as reader:
            await reader.until(reader.equals_snapshot)
        async with reading(copy) as reader:
            await reader.until(lambda: _is(not copy.is_stale))
            await asyncio.to_thread(fleet.kill, fleet.server)
            await reader.until(lambda: _is(copy._tries > 0))
            assert WEB in copy.sets
            await reader.until(lambda: _is(copy._tries == 0))
            assert reader.reasons() == [], "positions were named, and nothing was missed"
        reasons = []
        for miss in (_change_unseen, _another_stream):
            await asyncio.to_thread(miss, fleet)
            async with reading(copy) as reader:
                await reader.until(reader.has_snapshot)
                await reader.until(reader.equals_snapshot)
                reasons += reader.reasons()
        return reasons

    assert asyncio.run(story(FeedCopy(site, token, [WEB.upper()]))) == ["gap", "stream"]


def _change_unseen(up: Installation) -> None:
    """While there is no server, so that the next one has no delta of it."""
    up.manage("opt_out", WEB, "3", "--reason", "a story")
    up.kill(up.server)
    wait_until(lambda: _answers(up), seconds=SECONDS, what="the server answers again")


def _answers(up: Installation) -> bool:
    try:
        return Session(f"http://127.0.0.1:{up.http_port}").get("/healthz").status == 200
    except OSError:
        return False


def _another_stream(up: Installation) -> None:
    ScaleSet.objects.using(LIVE).filter(key=WEB).update(stream=uuid.uuid4())
    connections[LIVE].close()


def test_a_copy_follows_a_changed_link(fleet: Installation, site: str) -> None:
    async def story(copy: FeedCopy) -> None:
        async with reading(copy) as reader:
            await reader.until(lambda: _is(copy.sets.keys() == {WEB, OTHER}))
            await asyncio.to_thread(fleet.manage, "wallboard_link", "narrowed", "--change", "--set", WEB)
            await reader.until(lambda: _is(copy.sets.keys() == {WEB}))
            await reader.until(reader.equals_snapshot)

    asyncio.run(story(FeedCopy(site, token_of(fleet, "narrowed"))))


def test_a_revoked_token_ends_with_a_clear_error(fleet: Installation, site: str) -> None:
    token = token_of(fleet, "brief")
    copy = FeedCopy(site, token)

    async def story() -> None:
        async with copy:
            async for change in copy.changes():
                if change.kind == "live":
                    await asyncio.to_thread(fleet.manage, "wallboard_link", "brief", "--revoke")

    with pytest.raises(Refused, match=r"InvalidToken: .+ \(close code 4401\)"):
        asyncio.run(asyncio.wait_for(story(), SECONDS))
    assert copy.sets.keys() == {WEB, OTHER}, "what was last known stays"
    done = _command(f"{site}/wall/{token}/")
    said, error = done.communicate(timeout=SECONDS)
    assert (done.returncode, said) == (1, "")
    assert error.startswith("refused: InvalidToken")


def test_the_command_prints_a_line_for_each_change(site: str, token: str) -> None:
    with _command(site, WEB, ROLLGRID_FEED_TOKEN=token) as running:
        assert running.stdout
        lines = [running.stdout.readline().strip() for _ in range(2)]
        running.terminate()
    assert "feed live" in lines
    assert any(line.startswith(f"{WEB} snapshot: ") and line.count("up to date") for line in lines)


def _command(*words: str, **more: str) -> "subprocess.Popen[str]":
    run, surroundings = python_words(*words), environment(**more)
    return subprocess.Popen(run, env=surroundings, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture
def programs(site: str, token: str) -> Iterator[list[Program]]:
    """One in Python and one in JavaScript; each holds a snapshot."""
    with (
        program(python_words(site), ROLLGRID_FEED_TOKEN=token) as python,
        program(node_words(site, token)) as javascript,
    ):
        _wait_live([python, javascript])
        yield [python, javascript]


def _wait_live(programs: list[Program]) -> None:
    wait_until(
        lambda: all(each.last("feed") == "feed live" and each.last(WEB) for each in programs),
        seconds=SECONDS,
        what="both are live",
    )


@contextmanager
def opted_out(up: Installation, number: int) -> Iterator[str]:
    """An instance is, and the board says so; what a client says that knows it."""

    def shown() -> str:
        ranges = up.scale_set(WEB).board_row.body["states"].get("opted-out", "")
        return f"opted-out {count_in(ranges)}" if number in numbers_in(ranges) else ""

    up.manage("opt_out", WEB, str(number), "--reason", "a story")
    try:
        yield wait_until(shown, seconds=SECONDS, what="the board knows it")
    finally:
        up.manage("opt_in", WEB, str(number))


def _wait_said(programs: list[Program], words: str, *, of: str = WEB, seconds: float = SECONDS) -> None:
    wait_until(lambda: all(words in each.last(of) for each in programs), seconds=seconds, what=f"both say {words}")


def test_a_client_that_does_not_read_is_cut_off_and_comes_back_current(
    fleet: Installation, programs: list[Program]
) -> None:
    """Its process is stopped, so that its kernel's buffers are all that takes what the server says."""
    ports = {wait_until(each.port, seconds=20, what="its socket is its only connection") for each in programs}
    assert ports <= clients_of(fleet.http_port)
    with ExitStack() as stopped:
        for each in programs:
            stopped.enter_context(halted(each.process))
        words = stopped.enter_context(opted_out(fleet, 7))
        wait_until(
            lambda: not ports & clients_of(fleet.http_port), seconds=2 * SECONDS, what="the server cuts both off"
        )
        for each in programs:
            each.process.resume()
        _wait_said(programs, words)
        _wait_live(programs)


def test_a_feed_that_goes_silent_is_said_to_be_stale(fleet: Installation, programs: list[Program]) -> None:
    with halted(fleet.children()[fleet.server]):
        began = time.monotonic()
        _wait_said(programs, "stale", of="feed", seconds=20)
        assert time.monotonic() - began < 10, "after five seconds; the machine may be busy"
        assert all(each.last(WEB) for each in programs), "what was last known stays"
    _wait_live(programs)
    with opted_out(fleet, 8) as words:
        _wait_said(programs, words)


def test_a_client_from_the_document_alone_holds_the_snapshot(site: str, token: str) -> None:
    held = asyncio.run(asyncio.wait_for(follow_until(site, token, lambda held: WEB in held), SECONDS))
    assert held == {WEB: snapshot(site, {"Authorization": f"Bearer {token}"})}


def printed_code(language: str, words: str) -> str:
    """The code in docs/feed.md that has these words."""
    text = (CHECKOUT / "docs" / "feed.md").read_text()
    blocks = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (code,) = [block for block in blocks if words in block]
    return str(code)


def test_the_client_that_the_document_prints_keeps_a_faithful_copy(
    fleet: Installation, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it stands in docs/feed.md, through changes, the death of the server, and a scale set that is not there any more; then revoked."""
    monkeypatch.setenv("ROLLGRID", f"{site}/")
    monkeypatch.setenv("TOKEN", token := token_of(fleet, "printed", "--set", WEB))
    printed: dict[str, Any] = {"__name__": "printed"}
    exec(compile(printed_code("python", "async def follow"), "docs/feed.md", "exec"), printed)
    copy = printed["copy"]

    async def until_it_equals() -> None:
        async with asyncio.timeout(SECONDS):
            while copy != {WEB: await asyncio.to_thread(snapshot, site, {"Authorization": f"Bearer {token}"})}:
                await asyncio.sleep(0.05)

    async def story() -> None:
        following = asyncio.create_task(printed["follow"]())
        await until_it_equals()
        await asyncio.to_thread(fleet.manage, "opt_out", WEB, "7", "--reason", "a story")
        await until_it_equals()
        copy["shown/gone"] = {**copy[WEB], "stream": "s"}
        await asyncio.to_thread(fleet.kill, fleet.server)
        await asyncio.to_thread(fleet.manage, "opt_in", WEB, "7")
        await asyncio.to_thread(wait_until, lambda: _answers(fleet), seconds=SECONDS, what="the server answers again")
        await until_it_equals()
        await asyncio.to_thread(fleet.manage, "wallboard_link", "printed", "--revoke")
        with pytest.raises(ConnectionClosedError):
            await asyncio.wait_for(following, SECONDS)

    asyncio.run(story())
    assert copy.keys() == {WEB}, "what was last known stays"


PAGE = """<!doctype html><title>A page of another site</title>
<script type="module" src="{site}/feed/rollgrid-grid.js"></script><rollgrid-grid src="{site}" token="{token}"></rollgrid-grid>"""


@contextmanager
def another_site(page: str) -> Iterator[str]:
    """A web server of somebody else, with one page; its origin."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.browser
def test_a_page_of_another_site_embeds_a_live_grid(fleet: Installation, site: str) -> None:
    """Where the link names its origin; elsewhere the grid says that it is refused. It outlives a death of the server.

    A revoked token ends it, and the cells stay.
    """
    token = token_of(fleet, "embedded", "--set", WEB, "--origin", "http://127.0.0.1:9")
    page_of = PAGE.format(site=site, token=token)
    with another_site(page_of) as named, another_site(page_of) as other, sync_playwright() as playwright:
        fleet.manage("wallboard_link", "embedded", "--change", "--set", WEB, "--origin", named)
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = chromium.new_page()
            page.goto(other)
            expect(page.get_by_role("status")).to_contain_text("does not name the origin", timeout=20_000)
            page.goto(named)
            expect(page.get_by_role("img", name=re.compile(r"^12 instances: \d+ of 1[12] up to date"))).to_be_visible()
            expect(page.locator("rollgrid-grid i")).to_have_count(12)
            expect(page.get_by_role("heading")).to_have_text([WEB])
            expect(page.get_by_role("status")).to_have_text("")
            cell = page.locator('rollgrid-grid i[title^="5: "]')
            fleet.manage("opt_out", WEB, "5", "--reason", "a story")
            expect(cell).to_have_attribute("data-state", "opted-out", timeout=20_000)
            fleet.kill(fleet.server)
            fleet.manage("opt_in", WEB, "5")
            expect(cell).to_have_attribute("data-state", "done", timeout=30_000)
            expect(page.get_by_role("status")).to_have_text("", timeout=20_000)
            fleet.manage("wallboard_link", "embedded", "--revoke")
            expect(page.get_by_role("status")).to_contain_text("Refused: InvalidToken", timeout=20_000)
            expect(page.locator("rollgrid-grid i")).to_have_count(12)
        finally:
            chromium.close()


@pytest.mark.browser
def test_the_page_that_the_document_prints_keeps_a_faithful_copy(fleet: Installation, site: str) -> None:
    """As it stands in docs/feed.md, on another site: through a change and the death of the server; then revoked."""
    code = printed_code("js", "EventSource")
    token = token_of(fleet, "printed-page", "--set", WEB)
    code = code.replace('"https://rollgrid.example.com"', json.dumps(site)).replace('"..."', json.dumps(token))
    document = f"<!doctype html><body><script>{code}</script>"
    with another_site(document) as origin, sync_playwright() as playwright:
        fleet.manage("wallboard_link", "printed-page", "--change", "--set", WEB, "--origin", origin)
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = chromium.new_page()
            page.goto(origin)
            shown = page.locator("body")

            def is_faithful() -> bool:
                there_is = {WEB: snapshot(site, {"Authorization": f"Bearer {token}"})}
                return bool(page.evaluate("copy") == there_is)

            wait_until(is_faithful, seconds=SECONDS, what="the first snapshot")
            fleet.manage("opt_out", WEB, "9", "--reason", "a story")
            wait_until(is_faithful, seconds=SECONDS, what="the delta")
            expect(shown).to_have_text(re.compile(rf"^\s*{WEB} \d+: \d+ %$"))
            fleet.kill(fleet.server)
            expect(shown).to_contain_text("what is shown is old", timeout=20_000)
            expect(shown).to_contain_text(WEB)
            fleet.manage("opt_in", WEB, "9")
            expect(shown).not_to_contain_text("old", timeout=30_000)
            wait_until(is_faithful, seconds=SECONDS, what="what came meanwhile")
            fleet.manage("wallboard_link", "printed-page", "--revoke")
            expect(shown).to_contain_text("this token opens nothing", timeout=20_000)
            expect(shown).to_contain_text(WEB)
        finally:
            chromium.close()

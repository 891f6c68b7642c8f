"""Do the screens keep up? First cells on a slow line, dropped frames, the wall and the fleet page at 10,000 instances, a wall's memory.

usage: python -m bench screens [--only cold frames fleet memory] [--cells 1000] [--instances 10000] [--sets 20] [--deltas 200000]

cold: the page of a scale set on a line of 300 ms and 60 kB/s, of Chromium's own throttle, with an empty cache.
frames: dropped is each sixtieth of a second in which the browser painted no frame, counted by the page, with 500 changes a second. The
same page at rest says what the machine drops anyway. Changes are written by the product, each with the board that it leads to.
fleet: beside a real upgrade of simulated instances, on the same machine as the browser.
memory: the socket of a wall is taken over once it is live, and as many made-up deltas as a day has come as fast as it takes them.
"""

import argparse
import contextlib
import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench._running import Running, machine, rollgrid
from bench.orchestration import document, put
from bench.pages import CHROMIUM, SETTLE_MS, chromium, show, watch

PARTS = ["cold", "frames", "fleet", "memory"]
SET = "bench/frames"
CHANGES, EVERY_SECONDS = 50, 0.1  # 500 a second
FRAME_SECONDS = 20
WATCH_SECONDS = 40
MAX_WAIT_SECONDS = 600
SETTLED_SECONDS = 5
IMAGE = ("Canonical", "UbuntuServer", "16.04-LTS", "16.04.209912310")
DAY_ROWS = 10
VIEWPORT = {"width": 1920, "height": 1080}
# Counts frames, and cells whose state changed, for a while.
COUNT_FRAMES = """(seconds) => new Promise((done) => {
  const times = [];
  let changed = 0;
  const watcher = new MutationObserver((records) => { changed += records.length; });
  watcher.observe(document.querySelector("#grid"), { subtree: true, attributeFilter: ["data-state"] });
  const note = (now) => {
    times.push(now);
    if (now - times[0] < seconds * 1000) return requestAnimationFrame(note);
    watcher.disconnect();
    done({ times, changed });
  };
  requestAnimationFrame(note);
})"""

COLD_SET, COLD_CELLS, COLD_ROUNDS = "bench/cold", 60, 3
SLOW_LINE = {"offline": False, "latency": 300, "downloadThroughput": 60_000, "uploadThroughput": 60_000}
# Notes when there are cells, and how far anything was moved.
NOTE_FIRST = """
globalThis.moved = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.moved += entry.value;
}).observe({ type: "layout-shift", buffered: true });
const look = () => {
  if (document.querySelector("#grid .cell")) globalThis.first = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
# Once `isMadeUp`, the page's socket hears nothing of the server any more, and seems open.
TAKE_OVER = """
const Real = WebSocket;
globalThis.WebSocket = class extends Real {
  get readyState() { return globalThis.isMadeUp ? Real.OPEN : super.readyState; }
  send(text) { if (!globalThis.isMadeUp) super.send(text); }
  set onmessage(take) {
    globalThis.hear = (message) => take({ data: JSON.stringify(message) });
    super.onmessage = (event) => { if (!globalThis.isMadeUp) take(event); };
  }
  set onclose(lose) { super.onclose = (event) => { if (!globalThis.isMadeUp) lose(event); }; }
};
"""
# Some of the instances of each scale set in turn become unhealthy or well; a heartbeat after each thousand. Timers run in between.
A_DAY = """async ({ token, first, last, rows }) => {
  const at = () => new Date().toISOString();
  globalThis.sets ??= await (async () => {
    const { heads } = await (await fetch(`/feed/heads?token=${token}`)).json();
    const ask = async (key) => ({ key, ...(await (await fetch(`/feed/snapshot?set=${key}&token=${token}`)).json()) });
    return Promise.all(Object.keys(heads).map(ask));
  })();
  globalThis.isMadeUp = true;
  for (let n = first; n < last; n += 1) {
    const set = globalThis.sets[n % globalThis.sets.length], ids = Object.keys(set.instances), from = (n * rows) % ids.length;
    const sick = ids.slice(from, from + rows).map(Number), well = ids.map(Number).filter((id) => !sick.includes(id));
    const instances = sick.map((id) => ({ ...set.instances[id], health_began_at: at(), health_detail: `HTTP ${n}` }));
    const board = { ...set.board, states: { unhealthy: sick.join(), done: well.join() } };
    globalThis.hear({ type: "delta", set: set.key, stream: set.stream, since: set.seq, seq: (set.seq += 1), at: at(), instances, board });
    if (n % 100) continue;
    const heads = Object.fromEntries(globalThis.sets.map(({ key, stream, seq }) => [key, `${stream}.${seq}`]));
    globalThis.hear({ type: "heartbeat", n, at: at(), heads });
    await new Promise((done) => setTimeout(done));
  }
}"""


@dataclass(frozen=True)
class Frames:
    """A page that was watched for some seconds: frames that it painted and dropped, the longest wait for one, cells that changed."""

    label: str
    painted: int
    dropped: int
    longest_ms: float
    changes_per_second: float

    @property
    def percent(self) -> float:
        return 100 * self.dropped / (self.painted + self.dropped)


@dataclass(frozen=True)
class Cold:
    """A page that was opened for the first time: when its first cells were there, what came before them, the layout's shift."""

    first_ms: float
    requests: int
    bytes: int
    shift: float


def cold(running: Running, page: Any) -> list[Cold]:
    put(running, COLD_SET, document(COLD_CELLS, automatic=False, probed=True), COLD_CELLS)
    signed_in = page.context.storage_state()
    found = []
    for _ in range(COLD_ROUNDS):
        with page.context.browser.new_context(
            storage_state=signed_in, base_url=f"http://127.0.0.1:{running.port}"
        ) as context:
            found.append(open_cold(context.new_page()))
    running.manage("delete_scale_set", COLD_SET)
    return sorted(found, key=lambda each: each.first_ms)


def open_cold(page: Any) -> Cold:
    line, sizes = page.context.new_cdp_session(page), dict[str, int]()
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", SLOW_LINE)
    line.on("Network.requestWillBeSent", lambda event: sizes.setdefault(event["requestId"], 0))
    line.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    page.add_init_script(NOTE_FIRST)
    page.goto(f"/scale-sets/{COLD_SET}/", wait_until="commit")
    while not (first := page.evaluate("globalThis.first")):
        page.wait_for_timeout(20)
    before = [size for size in sizes.values() if size]
    page.wait_for_timeout(SETTLE_MS)
    return Cold(first, len(before), sum(before), page.evaluate("globalThis.moved"))


def show_cold(found: list[Cold]) -> None:
    for each in found:
        print(
            f"{COLD_CELLS} cells for the first time on a slow line: {each.first_ms:.0f} ms;"
            f" {each.requests} answers of {each.bytes} bytes before them; layout shift {each.shift:.3f}"
        )


def frames(running: Running, page: Any, cells: int) -> list[Frames]:
    put(running, SET, document(cells, automatic=False, probed=True), cells)
    page.goto(f"/scale-sets/{SET}/")
    page.wait_for_selector("#feed[data-feed=live]")
    page.locator("#grid .cell").nth(cells - 1).wait_for()
    page.wait_for_timeout(SETTLE_MS)
    at_rest = count_frames(page, f"{cells} cells, at rest")
    with changing(cells):
        page.wait_for_timeout(SETTLE_MS)
        busy = count_frames(page, f"{cells} cells, {round(CHANGES / EVERY_SECONDS)} changes a second")
    running.manage("delete_scale_set", SET)
    return [at_rest, busy]


def count_frames(page: Any, label: str) -> Frames:
    found = page.evaluate(COUNT_FRAMES, FRAME_SECONDS)
    waits = [(after - before) for before, after in itertools.pairwise(found["times"])]
    dropped = sum(max(0, round(wait / (1000 / 60)) - 1) for wait in waits)
    return Frames(label, len(waits), dropped, max(waits), found["changed"] / FRAME_SECONDS)


@contextlib.contextmanager
def changing(cells: int) -> Iterator[None]:
    """Meanwhile instances become unhealthy and healthy again, in turn. A thread of its own: the page waits in this one."""
    is_over = threading.Event()

    def change() -> None:
        began = time.monotonic()
        for turn in itertools.count():
            if is_over.wait(max(0.0, began + turn * EVERY_SECONDS - time.monotonic())):
                return
            write(turn, cells)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def write(turn: int, cells: int) -> None:
    """The next instances become unhealthy, and those before them healthy. The board goes with them: the engine makes fewer than these."""
    from upgrades.core.ranges import spans
    from upgrades.feed.writing import writing
    from upgrades.models import Instance, ScaleSet

    half = CHANGES // 2
    sick = [(turn * half + place) % cells for place in range(half)]
    well = [(number - half) % cells for number in sick]
    with writing(datetime.now(UTC), ScaleSet.objects.get(key=SET).pk) as writer:
        for health, numbers in (("unhealthy", sick), ("healthy", well)):
            writer.scale_set.instances.filter(number__in=numbers).update(health=health, health_since=writer.now)
        writer.changed(*Instance.objects.filter(scale_set=writer.scale_set, number__in=[*sick, *well]), counts=False)
        board = writer.scale_set.board_row
        others = [number for number in range(cells) if number not in sick]
        board.body["states"] = {"unhealthy": spans(sick), "done": spans(others)}
        board.body["unhealthy"] |= {"count": half, "percent": 100 * half / cells, "instances": spans(sick)}
        board.save(update_fields=["body"])
        writer.board_changed()


def at_scale(running: Running, page: Any, sets: int, instances: int) -> list[Any]:
    """The wall, and then the fleet page, while as much of the fleet is upgraded as its policies allow."""
    running.manage("demo", "--sets", str(sets), "--instances", str(instances // sets))
    link = json.loads(running.manage("wallboard_link", "bench", "--json"))
    with page.context.browser.new_context(viewport=VIEWPORT, base_url=f"http://127.0.0.1:{running.port}") as context:
        wall = context.new_page()
        wall.goto(f"/wall/{link['token']}/?rotate=off")
        wall.wait_for_selector("body:not(.loading)")
        wait_until_healthy(wall, link["token"], instances)
        running.manage("publish_image", *IMAGE)
        wall.wait_for_timeout(SETTLED_SECONDS * 1000)
        found = [watch(wall, f"wall, {instances}, upgrading", lambda seconds: seconds >= WATCH_SECONDS)]
    page.set_viewport_size(VIEWPORT)
    page.goto("/")
    page.wait_for_selector("#main:not(.loading)")
    page.wait_for_timeout(SETTLED_SECONDS * 1000)
    return [*found, watch(page, f"fleet, {instances}, upgrading", lambda seconds: seconds >= WATCH_SECONDS)]


def wait_until_healthy(page: Any, token: str, instances: int) -> None:
    end = time.monotonic() + MAX_WAIT_SECONDS
    while time.monotonic() < end:
        counts = page.request.get(f"/feed/summary?token={token}").json()["counts"]
        if counts["total"] == instances and not counts["unhealthy"]:
            return
        page.wait_for_timeout(1000)
    sys.exit(f"the fleet does not become healthy: {counts}")


def memory(running: Running, browser: Any, sets: int, instances: int, deltas: int) -> list[tuple[int, float]]:
    """(deltas so far, MB of its heap after a collection) of a wall, ten times."""
    running.manage("demo", "--sets", str(sets), "--instances", str(instances // sets))
    link = json.loads(running.manage("wallboard_link", "day", "--json"))
    with browser.new_context(viewport=VIEWPORT, base_url=f"http://127.0.0.1:{running.port}") as context:
        wall = context.new_page()
        wall.add_init_script(TAKE_OVER)
        wall.goto(f"/wall/{link['token']}/")
        wall.wait_for_selector("body:not(.loading)")
        wall.wait_for_timeout(SETTLE_MS)
        found = [(0, heap(wall))]
        for part in range(10):
            first, last = (deltas * edge // 10 for edge in (part, part + 1))
            wall.evaluate(A_DAY, {"token": link["token"], "first": first, "last": last, "rows": DAY_ROWS})
            found.append((last, heap(wall)))
        if not wall.locator("body:not(.stale)").count():
            sys.exit(f"the wall did not stay live: {wall.inner_text('h1')}")
        return found


def heap(page: Any) -> float:
    line = page.context.new_cdp_session(page)
    line.send("HeapProfiler.collectGarbage")
    used: float = line.send("Runtime.getHeapUsage")["usedSize"]
    line.detach()
    return used / 1e6


def show_memory(found: list[tuple[int, float]]) -> None:
    print("heap of a wall after a collection, MB:", ", ".join(f"{size:.2f} after {deltas}" for deltas, size in found))


def show_frames(found: list[Frames]) -> None:
    print(
        f"{'page':36} {'painted':>8} {'dropped':>8} {'percent':>8} {'longest wait, ms':>17} {'cells changed / s':>18}"
    )
    for row in found:
        print(
            f"{row.label:36} {row.painted:8} {row.dropped:8} {row.percent:8.1f} {row.longest_ms:17.0f}"
            f" {row.changes_per_second:18.0f}"
        )


def main(cells: int, instances: int, sets: int, deltas: int, only: list[str]) -> None:
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop runs in this thread
    print(machine())
    with rollgrid() as running, chromium(running) as page:
        if "cold" in only:
            show_cold(cold(running, page))
        if "frames" in only:
            show_frames(frames(running, page, cells))
        if "fleet" in only:
            show(at_scale(running, page, sets, instances))
        if "memory" in only:
            show_memory(memory(running, page.context.browser, sets, instances, deltas))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench screens")
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--instances", type=int, default=10_000)
    parser.add_argument("--sets", type=int, default=20)
    parser.add_argument("--deltas", type=int, default=200_000)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    if not CHROMIUM.exists():
        print(f"left out: {CHROMIUM} is not installed")
    else:
        main(**vars(parser.parse_args()))

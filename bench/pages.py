"""What does a page cost the browser? The page of a scale set, in Chromium, while the whole set is upgraded and while nothing happens.

usage: python -m bench pages [--instances 400 1000]

The main thread is all that scripts, styles and layout have: what it does longer than 50 ms at a time makes the page stutter. Chromium's own
trace says what each task of it took, as CPU time: on a machine that has other things to do the time by the clock says more of those.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench._running import Running, machine, rollgrid
from bench.orchestration import IMAGE, document, put

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
BOOT_SECONDS, SPREAD_SECONDS = "3", "4"
REST_SECONDS = 10
SETTLE_MS = 3000
MAX_UPGRADE_SECONDS = 300
VERSION = "16.04.40{}"
LONG_MS = 50
CATEGORIES = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"]
# What the trace calls the parts of a task.
PARTS = {
    "RunTask": "all",
    "UpdateLayoutTree": "style",
    "Layout": "layout",
    "FunctionCall": "script",
    "TimerFire": "script",
}


@dataclass(frozen=True)
class Watched:
    """A page watched for some seconds: milliseconds of CPU of the main thread in each, by part, and of its tasks; nodes of the document."""

    label: str
    seconds: dict[str, list[float]]
    tasks: list[float]
    nodes: int

    @property
    def busiest(self) -> float:
        """What nine of ten seconds stay below."""
        return sorted(self.seconds["all"])[len(self.seconds["all"]) * 9 // 10]


def measure(counts: list[int]) -> list[Watched]:
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop runs in this thread
    with rollgrid() as running, chromium(running) as page:
        return [result for number, instances in enumerate(counts) for result in of(running, page, instances, number)]


def of(running: Running, page: Any, instances: int, number: int) -> list[Watched]:
    path, version = f"bench/pages-{instances}", VERSION.format(number)
    body = document(instances, automatic=True, probed=True)
    body["tags"] = {"rollgrid-sim-boot-seconds": BOOT_SECONDS, "rollgrid-sim-boot-spread-seconds": SPREAD_SECONDS}
    put(running, path, body, instances)
    page.goto(f"/scale-sets/{path}/")
    page.wait_for_selector("#feed[data-feed=live]")
    page.locator("#grid .cell").nth(instances - 1).wait_for()
    page.wait_for_timeout(SETTLE_MS)
    at_rest = watch(page, f"{instances} cells, at rest", lambda seconds: seconds >= REST_SECONDS)
    running.manage("publish_image", *IMAGE, version)
    page.wait_for_selector("#rail .is-now", timeout=60_000)
    upgrading = watch(page, f"{instances} cells, upgrading", lambda _: has_ended(path, version))
    running.manage("delete_scale_set", path)
    return [at_rest, upgrading]


@contextmanager
def chromium(running: Running) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(base_url=f"http://127.0.0.1:{running.port}", viewport={"width": 1280, "height": 800})
        page.goto("/login/")
        page.get_by_label("User name").fill("admin")
        page.get_by_label("Password").fill((running.home / "admin-password").read_text().strip())
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_selector("#feed")
        yield page
        browser.close()


def watch(page: Any, label: str, is_over: Callable[[float], bool]) -> Watched:
    browser = page.context.browser
    browser.start_tracing(page=page, categories=CATEGORIES)
    began = time.monotonic()
    while not is_over(time.monotonic() - began):
        if time.monotonic() - began > MAX_UPGRADE_SECONDS:
            sys.exit(f"{label}: it does not end")
        page.wait_for_timeout(1000)
    trace = json.loads(browser.stop_tracing())["traceEvents"]
    return Watched(label, *_read(trace), page.locator("*").count())


def _read(trace: list[dict[str, Any]]) -> tuple[dict[str, list[float]], list[float]]:
    """Of the busiest main thread of a page in the trace: its parts, second by second, and its tasks."""
    mains = {(event["pid"], event["tid"]) for event in trace if event.get("args", {}).get("name") == "CrRendererMain"}
    ours = [
        event for event in trace if (event["pid"], event["tid"]) in mains and "tdur" in event and event["name"] in PARTS
    ]
    used = Counter[tuple[int, int]]()
    for event in ours:
        used[event["pid"], event["tid"]] += event["tdur"]
    main = used.most_common(1)[0][0]
    ours = [event for event in ours if (event["pid"], event["tid"]) == main]
    first, last = min(event["ts"] for event in ours), max(event["ts"] for event in ours)
    seconds = {part: [0.0] * int((last - first) / 1e6 + 1) for part in PARTS.values()}
    for event in ours:
        seconds[PARTS[event["name"]]][int((event["ts"] - first) / 1e6)] += event["tdur"] / 1e3
    return seconds, [event["tdur"] / 1e3 for event in ours if event["name"] == "RunTask"]


def has_ended(path: str, version: str) -> bool:
    from upgrades.models import RollingUpgrade

    return RollingUpgrade.objects.filter(scale_set__key=path, target_version=version, ended_at__isnull=False).exists()


def show(found: list[Watched]) -> None:
    print(machine())
    print(f"CPU of the main thread, ms in a second; tasks of more than {LONG_MS} ms of CPU")
    print(
        f"{'page':24} {'seconds':>8} {'mean':>6} {'script':>7} {'style':>6} {'layout':>7} {'90 %':>6}"
        f" {'long tasks':>11} {'longest, ms':>12} {'elements':>9}"
    )
    for result in found:
        mean = {part: statistics.mean(values) for part, values in result.seconds.items()}
        parts = (
            f"{mean['all']:6.0f} {mean['script']:7.0f} {mean['style']:6.0f} {mean['layout']:7.0f} {result.busiest:6.0f}"
        )
        long = sum(task > LONG_MS for task in result.tasks)
        print(
            f"{result.label:24} {len(result.seconds['all']):8} {parts} {long:11} {max(result.tasks):12.0f} {result.nodes:9}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench pages")
    parser.add_argument("--instances", type=int, nargs="+", default=[400, 1000])
    if not CHROMIUM.exists():
        print(f"left out: {CHROMIUM} is not installed")
    else:
        show(measure(parser.parse_args().instances))

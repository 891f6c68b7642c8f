"""What does a page cost the browser? The page of a scale set, in Chromium, while the whole set is upgraded and while nothing happens.

usage: python -m bench pages [--instances 400 1000]

The main thread is all that scripts, styles and layout have: what it does longer than 50 ms at a time makes the page stutter. Its time is
counted as CPU time by Chromium itself (Performance.getMetrics), each second; tasks over 50 ms are those that Chromium reports to the page.
"""

import argparse
import os
import statistics
import sys
import time
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
LONGEST_UPGRADE_SECONDS = 300
VERSION = "16.04.40{}"
PARTS = {"TaskDuration": "all", "ScriptDuration": "script", "RecalcStyleDuration": "style", "LayoutDuration": "layout"}
LONG_TASKS = """() => {
    window.longTasks = [];
    new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((one) => one.duration))).observe({ type: "longtask" });
}"""


@dataclass(frozen=True)
class Watched:
    """A page watched for some seconds: milliseconds of main thread in each, by part; the tasks over 50 ms; nodes of the document."""

    label: str
    seconds: list[dict[str, float]]
    tasks: list[float]
    nodes: int

    def mean(self, part: str) -> float:
        return statistics.mean(one[part] for one in self.seconds)

    @property
    def busiest(self) -> float:
        """What nine of ten seconds stay below."""
        return sorted(one["all"] for one in self.seconds)[len(self.seconds) * 9 // 10]


def measure(counts: list[int]) -> list[Watched]:
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop runs in this thread
    with rollgrid() as running, chromium(running) as page:
        return [one for number, instances in enumerate(counts) for one in of(running, page, instances, number)]


def of(running: Running, page: Any, instances: int, number: int) -> list[Watched]:
    path, version = f"bench/pages-{instances}", VERSION.format(number)
    body = document(instances, automatic=True, probed=True)
    body["tags"] = {"rollgrid-sim-boot-seconds": BOOT_SECONDS, "rollgrid-sim-boot-spread-seconds": SPREAD_SECONDS}
    put(running, path, body, instances)
    page.goto(f"/scale-sets/{path}/")
    page.wait_for_selector("#feed[data-feed=live]")
    page.wait_for_function(f"document.querySelectorAll('#grid .cell').length === {instances}")
    page.wait_for_timeout(SETTLE_MS)
    page.evaluate(LONG_TASKS)
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
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.evaluate("longTasks.length = 0")
    seconds, began, before = [], time.monotonic(), _metrics(session)
    while not is_over(time.monotonic() - began):
        if time.monotonic() - began > LONGEST_UPGRADE_SECONDS:
            sys.exit(f"{label}: it does not end")
        page.wait_for_timeout(1000)
        now = _metrics(session)
        span = now["Timestamp"] - before["Timestamp"]
        seconds.append({part: (now[name] - before[name]) / span * 1e3 for name, part in PARTS.items()})
        before = now
    session.detach()
    return Watched(label, seconds, page.evaluate("longTasks"), int(before["Nodes"]))


def _metrics(session: Any) -> dict[str, float]:
    return {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}


def has_ended(path: str, version: str) -> bool:
    from upgrades.models import RollingUpgrade

    return RollingUpgrade.objects.filter(scale_set__key=path, target_version=version, ended_at__isnull=False).exists()


def show(found: list[Watched]) -> None:
    print(machine())
    print("CPU of the main thread, ms in a second; tasks over 50 ms")
    print(
        f"{'page':24} {'seconds':>8} {'mean':>6} {'script':>7} {'style':>6} {'layout':>7} {'90 %':>6}"
        f" {'long tasks':>11} {'longest, ms':>12} {'nodes':>7}"
    )
    for one in found:
        parts = f"{one.mean('all'):6.0f} {one.mean('script'):7.0f} {one.mean('style'):6.0f} {one.mean('layout'):7.0f} {one.busiest:6.0f}"
        print(
            f"{one.label:24} {len(one.seconds):8} {parts} {len(one.tasks):11} {max(one.tasks, default=0):12.0f} {one.nodes:7}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench pages")
    parser.add_argument("--instances", type=int, nargs="+", default=[400, 1000])
    if not CHROMIUM.exists():
        print(f"left out: {CHROMIUM} is not installed")
    else:
        show(measure(parser.parse_args().instances))

"""`make screenshots`: the pictures of the README and the docs, taken of a real run of the demonstration fleet.

python -m tests.browser.screenshots FOLDER
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import django

SET = "demo/batch-workers"
PUBLISHED = ("Canonical", "UbuntuServer", "16.04-LTS", "16.04.202611230")
SICK = ("131", "132", "133", "290")
BATCH = 3  # the picture is taken while this one runs
WIDE, PHONE = (1440, 900), (390, 844)
WALLS = {"wall-dark": ((1280, 720), ""), "wall-light": ((1280, 720), "?theme=light&rotate=off&lang=sv")}


def main(folder: Path) -> None:
    """Writes scale-set-light.png, fleet-dark-phone.png, wall-dark.png and so on; takes about a minute."""
    os.environ |= {"DJANGO_SETTINGS_MODULE": "dashboard.settings", "DJANGO_ALLOW_ASYNC_UNSAFE": "1"}
    django.setup()
    from playwright.sync_api import sync_playwright

    from tests.browser.chromium import CHROMIUM, FLAGS
    from tests.end_to_end.installation import installation

    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as temporary,
        installation(Path(temporary) / "home", ROLLGRID_HEALTH_WAIT_SECONDS="15") as up,  # the sick do not get well
        sync_playwright() as playwright,
    ):
        up.manage("demo")
        up.wait_healthy(SET)
        up.manage("simulate", SET, "--sick", *SICK)
        up.manage("opt_out", SET, "318", "--reason", "Runs the year's closing until Friday")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        cameras = [
            Camera(browser, up, folder, theme, size, suffix)
            for theme in ("light", "dark")
            for size, suffix in ((WIDE, ""), (PHONE, "-phone"))
        ]
        for camera in cameras:
            camera.go(f"/scale-sets/{SET}/?open={SICK[0]}")
        up.manage("publish_image", *PUBLISHED)
        cameras[0].page.wait_for_selector(f"#rail .is-now[data-key='{BATCH}']", timeout=120_000)
        for camera in cameras:
            camera.take("scale-set")
        take_walls(browser, up, folder)
        for name, address in (("fleet", "/"), ("images", "/images/")):
            for camera in cameras:
                camera.go(address)
                camera.take(name)
        browser.close()


def take_walls(browser, up, folder) -> None:  # type: ignore[no-untyped-def]
    """The same moment on a wall: the scale set that is upgraded, and the whole fleet in Swedish."""
    address = json.loads(up.manage("wallboard_link", "Operations", "--json"))["url"]
    for name, ((width, height), options) in WALLS.items():
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(f"http://127.0.0.1:{up.http_port}{urlsplit(address).path}{options}")
        page.wait_for_selector("body:not(.loading)")
        page.wait_for_load_state("networkidle")
        page.screenshot(path=folder / f"{name}.png")
        page.close()


class Camera:
    """One window in one theme, signed in."""

    def __init__(self, browser, up, folder, theme, size, suffix) -> None:  # type: ignore[no-untyped-def]
        self.folder, self.suffix = folder, f"-{theme}{suffix}"
        width, height = size
        context = browser.new_context(
            base_url=f"http://127.0.0.1:{up.http_port}",
            viewport={"width": width, "height": height},
            color_scheme=theme,
        )
        self.page = context.new_page()
        self.page.goto("/login/")
        self.page.get_by_label("User name").fill("admin")
        self.page.get_by_label("Password").fill((up.home / "admin-password").read_text().strip())
        self.page.get_by_role("button", name="Sign in").click()

    def go(self, address: str) -> None:
        self.page.goto(address)
        self.page.wait_for_selector("#feed[data-feed=live]")
        self.page.wait_for_load_state("networkidle")

    def take(self, name: str) -> None:
        self.page.screenshot(path=self.folder / f"{name}{self.suffix}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Which Chromium runs the pages, and with which options."""

from pathlib import Path

# The shell is the same engine without the windows of a browser around the pages: a third less CPU for the tests.
SHELL, WHOLE = Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium")
CHROMIUM = SHELL if SHELL.exists() else WHOLE
MISSING = "there is no Chromium: apt-get install chromium-headless-shell (or chromium)"
FLAGS = [
    "--no-sandbox",  # tests run as root, in a container too
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

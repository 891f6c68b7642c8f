"""Environments of peers, outside the project's: made once for each version of their lock files, and kept in the user's cache."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

INSTALL_SECONDS = 120


class CannotBeHad(Exception):
    """Why a peer cannot be measured here."""


def node(locked: Path) -> Path:
    """The folder with `node_modules` of the packages that `package-lock.json` in this folder pins. Raises CannotBeHad."""
    folder, npm = _folder_of(locked.name, locked / "package-lock.json"), shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise CannotBeHad("node and npm are not installed")
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=folder.parent) as new:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(locked / name, new)
            _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], new)
            Path(new).rename(folder)
            Path(new).mkdir()  # for the end of `with`
    return folder


def _folder_of(name: str, lock: Path) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rollgrid" / "bench"
    cache.mkdir(parents=True, exist_ok=True)
    return cache / f"{name}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"


def _run(command: list[str], folder: str) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.CalledProcessError as error:
        raise CannotBeHad(
            f"it cannot be installed: {(error.stderr.strip().splitlines() or ['no message'])[-1]}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise CannotBeHad(f"it is not installed after {INSTALL_SECONDS} s") from error

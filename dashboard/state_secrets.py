"""The secrets that an installation keeps in its state folder, one file each. Imports no Django: the supervisor uses it too.

Only `up` makes them, before it starts any process; all others only read them.
"""

import secrets
from pathlib import Path

from upgrades import atomic_files

SECRET_KEY = "secret-key"
BROKER_PASSWORD = "broker-password"
MIN_LENGTH = 50  # characters; Django's own limit for a key (security.W009)
MIN_DIFFERENT = 5  # different characters; Django's own limit too


def is_strong(secret: str) -> bool:
    return len(secret) >= MIN_LENGTH and len(set(secret)) >= MIN_DIFFERENT


def read(home: Path, name: str) -> str:
    """Return the secret; "" where there is none, or where its file is empty, as after a power cut. Raises OSError."""
    try:
        return (home / name).read_text(errors="replace").replace("\0", "").strip()
    except FileNotFoundError:
        return ""


def make(home: Path, name: str) -> str:
    """Make a new random secret, replacing the present one if any, and return it. Raises OSError."""
    made = secrets.token_urlsafe(48)
    atomic_files.replace(home / name, f"{made}\n".encode())
    return made

"""Signatures, verified by GnuPG's `gpgv` against the keys of one keyring, and no others."""

import subprocess
import tempfile
from pathlib import Path

from upgrades.image_sources.errors import SourceError, one_line

SECONDS = 60
GOOD = b"[GNUPG:] GOODSIG "
INSTALL = "gpgv is not installed on the workers' computer; on Debian and Ubuntu: apt install gpgv"


def verified(content: bytes, signature: bytes, keyring: str, what: str) -> bytes:
    """The content, if the detached signature over it is good. Raises SourceError."""
    return _verified(keyring, what, {"content": content, "content.sig": signature}, "content.sig", "content")


def signed_content(message: bytes, keyring: str, what: str) -> bytes:
    """What is signed in a message with its signature in it (`gpg --clearsign`), and nothing around it. Raises SourceError."""
    return _verified(keyring, what, {"message": message}, "message")


def _verified(keyring: str, what: str, files: dict[str, bytes], *arguments: str) -> bytes:
    if not Path(keyring).is_file():
        raise SourceError(f"its keyring {keyring} is not a file on the workers' computer")
    with tempfile.TemporaryDirectory(prefix="rollgrid-gpgv-") as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        output = [] if len(arguments) > 1 else ["--output", "signed"]
        command = ["gpgv", "--homedir", folder, "--keyring", str(Path(keyring).absolute()), "--status-fd", "1", *output]
        try:
            done = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, timeout=SECONDS)
        except FileNotFoundError:
            raise SourceError(INSTALL) from None
        except subprocess.TimeoutExpired:
            raise SourceError(f"gpgv was not done with {what} in {SECONDS} s") from None
        if done.returncode or not any(line.startswith(GOOD) for line in done.stdout.splitlines()):
            raise SourceError(_why_not(done.stdout.decode(errors="replace"), what, keyring))
        return (Path(folder) / ("signed" if output else "content")).read_bytes()


def _why_not(status: str, what: str, keyring: str) -> str:
    reasons = {
        "NO_PUBKEY": f"{what} is signed with a key that is not in {keyring}: "
        "add that key, if you trust it (a keyring is binary: gpg --dearmor)",
        "BADSIG": f"the signature of {what} is wrong: it was changed on its way, or is just being renewed",
        "EXPKEYSIG": f"the key that signed {what} has expired: renew the keyring {keyring}",
        "REVKEYSIG": f"the key that signed {what} was revoked: do not use this source before you know why",
        "EXPSIG": f"the signature of {what} has expired",
    }
    words = {word for line in status.splitlines() for word in line.split()[1:2]}
    found = next((reasons[word] for word in reasons if word in words), "")
    return found or f"{what} has no signature that gpgv understands ({one_line(status) or 'it said nothing'})"

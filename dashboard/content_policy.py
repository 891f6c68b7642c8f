"""The Content-Security-Policy of all answers. Imports no Django: static files are served with it before anything of Django is loaded."""

from collections.abc import Iterable

# No inline scripts and styles, nothing from other hosts. For browsers 'self' includes the feed's socket on our own host.
POLICY = "default-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"


def framed_by(origins: Iterable[str]) -> str:
    """POLICY for an answer that pages of these origins may embed."""
    ancestors = " ".join(sorted(origins)) or "'none'"
    return POLICY.replace("frame-ancestors 'none'", f"frame-ancestors {ancestors}")

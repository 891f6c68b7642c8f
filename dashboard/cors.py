"""Which pages of other sites may read an answer: those of the link's origins, without cookies. Nothing else is opened."""

from collections.abc import Collection

MAX_AGE_SECONDS = 600


def cors_headers(origin: str, allowed: Collection[str]) -> dict[str, str]:
    """The headers for a request from this origin ("" for none, or for our own)."""
    headers = {"Vary": "Origin"}
    if origin and origin.lower() in allowed:
        headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "ETag"}
    return headers


def preflight_headers(origin: str) -> dict[str, str]:
    """The answer to a browser that asks whether it may send a token.

    It asks without the token, so that we do not know the link yet: any origin may ask, and then read only what the link lets it.
    """
    return {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "Authorization, If-None-Match, Last-Event-ID",
        "Access-Control-Max-Age": str(MAX_AGE_SECONDS),
    }

"""Which pages of other sites may read an answer: those of the link's origins, without cookies.

Pages of any site may read why a token or a ticket was refused: such a refusal depends on no cookie, and says nothing that its sender, who
has the token, could not ask without a browser. Without that, a page could not tell a revoked link from a server that is down. Nothing
else is opened.
"""

from collections.abc import Collection

MAX_AGE_SECONDS = 600
FOREIGN_ORIGIN = "ForeignOrigin"
NAME_IT = "pages of this origin may not read here; the link has to name it"


def cors_headers(origin: str, allowed: Collection[str]) -> dict[str, str]:
    """The headers for a request from this origin ("" for none, or for our own)."""
    headers = {"Vary": "Origin"}
    if origin and origin.lower() in allowed:
        headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "ETag"}
    return headers


def refusal_headers() -> dict[str, str]:
    """The headers of a refusal to a request that has a token or a ticket, right or wrong."""
    return {"Vary": "Origin", "Access-Control-Allow-Origin": "*"}


def preflight_headers(origin: str) -> dict[str, str]:
    """The answer to a browser that asks whether it may send a token.

    It asks without the token, so that we do not know the link yet: any origin may ask. The answer to the request itself says
    whether the link lets it read.
    """
    return {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "Authorization, If-None-Match, Last-Event-ID",
        "Access-Control-Max-Age": str(MAX_AGE_SECONDS),
    }

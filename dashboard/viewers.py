"""Who reads the feed, and what they may see: people with a session see all scale sets, a wallboard link those in its scope.

Sockets, snapshots and all that is served beside them ask this module, so that none of them lets anybody see more than another.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qs

from dashboard.sessions import SessionIdentity, ended_sessions
from upgrades.core.feed_scope import EVERYTHING, FeedScope
from upgrades.models.wallboard_link import LinkIdentity, ended_links, link_of, note_use

SIGN_IN = (
    "sign in first; without a session the feed takes a wallboard link's token, as ?token= or as Authorization: Bearer"
)
BAD_TOKEN = "this token opens nothing: it is mistyped, or the link was revoked or has a new token"
ONE_TOKEN = "one token is taken, and there are several, in the query or in Authorization"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who reads the feed: with a session, or with a link. `origins`: those of other sites' pages that may read with the link."""

    scope: FeedScope = EVERYTHING
    session: SessionIdentity | None = None
    link: LinkIdentity | None = None
    origins: frozenset[str] = field(default=frozenset(), compare=False)


class NotLetIn(Exception):
    """Nobody has signed in, or the token opens nothing."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class BadTokens(Exception):
    """A request gave several tokens."""

    code = "BadRequest"


def token_in(query: bytes | str, authorization: str) -> str | None:
    """The token of a request; None where it has none, "" where it is no token. Raises BadTokens where there are several."""
    text = query.decode("latin1") if isinstance(query, bytes) else query
    given = parse_qs(text, keep_blank_values=True).get("token", [])
    scheme, _, value = authorization.partition(" ")
    given += [value.strip()] if scheme.lower() == "bearer" else []
    if len(given) > 1:
        raise BadTokens(ONE_TOKEN)
    return given[0] if given else None


def viewer_with(token: str, now: datetime) -> Viewer:
    """Who reads with this token. Raises NotLetIn where it opens nothing."""
    link = link_of(token)
    if link is None:
        raise NotLetIn("InvalidToken", BAD_TOKEN)
    note_use(link, now)
    return Viewer(link.scope, link=link.identity, origins=frozenset(link.origins))


def ended(viewers: Collection[Viewer], now: datetime) -> set[Viewer]:
    """Those who may read no longer: their session has ended, or their link was revoked, rotated or changed."""
    sessions = {viewer.session for viewer in viewers if viewer.session}
    links = {viewer.link for viewer in viewers if viewer.link}
    gone = (ended_sessions(sessions, now) if sessions else set()) | (ended_links(links) if links else set())
    return {viewer for viewer in viewers if viewer.session in gone or viewer.link in gone}

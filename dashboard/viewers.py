"""Who reads the feed, and what they may see: people with a session see all scale sets, a wallboard link those in its scope.

Sockets, snapshots and all that is served beside them ask this module, so that none of them lets anybody see more than another.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from urllib.parse import parse_qs

from dashboard.sessions import SessionIdentity, ended_sessions
from upgrades.commands.feed_tickets import make_ticket, take_ticket
from upgrades.core.feed_scope import EVERYTHING, FeedScope
from upgrades.models.wallboard_link import LinkIdentity, ended_links, link_of, link_of_identity, note_use

SIGN_IN = (
    "sign in first; without a session the feed takes a wallboard link's token, as ?token= or as Authorization: Bearer"
)
BAD_TOKEN = "this token opens nothing: it is mistyped, or the link was revoked or has a new token"
BAD_TICKET = "this ticket opens nothing: it was used, or its time is over; ask for another one at /feed/ticket"
TICKETS_ARE_FOR_STREAMS = "a ticket opens only /feed/events and the socket; this address takes a token"
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


def ticket_in(query: bytes | str) -> str | None:
    """The ticket of a request; None where it has none. Raises BadTokens where there are several."""
    given = _values(query, "ticket")
    if len(given) > 1:
        raise BadTokens(ONE_TOKEN)
    return given[0] if given else None


def _values(query: bytes | str, name: str) -> list[str]:
    text = query.decode("latin1") if isinstance(query, bytes) else query
    return parse_qs(text, keep_blank_values=True).get(name, [])


def token_in(query: bytes | str, authorization: str) -> str | None:
    """The token of a request; None where it has none, "" where it is no token. Raises BadTokens where there are several."""
    given = _values(query, "token")
    scheme, _, value = authorization.partition(" ")
    given += [value.strip()] if scheme.lower() == "bearer" else []
    if len(given) > 1:
        raise BadTokens(ONE_TOKEN)
    return given[0] if given else None


def has_token(query: bytes | str, authorization: str) -> bool:
    """Whether a request has a token or a ticket, right or wrong, or several."""
    try:
        return token_in(query, authorization) is not None or ticket_in(query) is not None
    except BadTokens:
        return True


def viewer_with(token: str, now: datetime) -> Viewer:
    """Who reads with this token. Raises NotLetIn where it opens nothing."""
    link = link_of(token)
    if link is None:
        raise NotLetIn("InvalidToken", BAD_TOKEN)
    note_use(link, now)
    return Viewer(link.scope, link=link.identity, origins=frozenset(link.origins))


def viewer_with_ticket(ticket: str, now: datetime) -> Viewer:
    """Who reads with this ticket, which is used up. Raises NotLetIn where it opens nothing, or what it stands for has ended since."""
    row = take_ticket(ticket, now)
    link = link_of_identity(LinkIdentity(row.link_id, row.revision)) if row and row.link_id else None
    if link:
        return Viewer(link.scope, link=link.identity, origins=frozenset(link.origins))
    if row and row.user and row.session:
        viewer = Viewer(session=SessionIdentity(row.session, row.user.pk, row.user.password))
        if not ended([viewer], now):
            return viewer
    raise NotLetIn("InvalidToken", BAD_TICKET)


def make_ticket_for(viewer: Viewer, now: datetime) -> str:
    """A ticket with which a browser opens one stream as this viewer."""
    session = viewer.session
    if session is None:
        return make_ticket(now, link=viewer.link)
    return make_ticket(now, session=session.session, user=session.user)


class Ending(Enum):
    """Why somebody may not go on reading."""

    SIGNED_OUT = auto()
    LINK_ENDED = auto()
    LINK_CHANGED = auto()  # the token still opens what the link shows now


def ended(viewers: Collection[Viewer], now: datetime) -> dict[Viewer, Ending]:
    """Those who may not go on reading: their session has ended, or their link was revoked, rotated or changed."""
    sessions = {viewer.session for viewer in viewers if viewer.session}
    links = {viewer.link for viewer in viewers if viewer.link}
    signed_out = ended_sessions(sessions, now) if sessions else set()
    changed = ended_links(links) if links else {}
    gone = {viewer: Ending.SIGNED_OUT for viewer in viewers if viewer.session in signed_out}
    for viewer in viewers:
        if viewer.link in changed:
            gone[viewer] = Ending.LINK_CHANGED if changed[viewer.link] else Ending.LINK_ENDED
    return gone

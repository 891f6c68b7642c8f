"""Tickets of the feed. A reader of the feed gets one, and opens one stream with it."""

from datetime import datetime

from django.db import transaction

from upgrades.commands.audit import unaudited
from upgrades.core.random_tokens import new_token, token_hash
from upgrades.models import FeedTicket
from upgrades.models.feed_ticket import TICKET_IS_VALID
from upgrades.models.wallboard_link import MAX_TOKEN, LinkIdentity


@unaudited("a ticket gives no access that its reader does not have already")
def make_ticket(now: datetime, *, link: LinkIdentity | None = None, session: str = "", user: int | None = None) -> str:
    """Make a ticket for a link, or for a session of a user. It cannot be read again. Tickets that nobody used are deleted on the way."""
    ticket = new_token()
    with transaction.atomic():
        FeedTicket.objects.filter(expires_at__lte=now).delete()
        FeedTicket.objects.create(
            ticket_hash=token_hash(ticket),
            link_id=link.link if link else None,
            revision=link.revision if link else 0,
            session=session,
            user_id=user,
            expires_at=now + TICKET_IS_VALID,
        )
    return ticket


@unaudited("a ticket gives no access that its reader does not have already")
def take_ticket(ticket: str, now: datetime) -> FeedTicket | None:
    """Use a ticket up. None where there is none, it was used, or its time is over; of two who use it at once, one gets it."""
    if not 0 < len(ticket) <= MAX_TOKEN:
        return None
    rows = FeedTicket.objects.filter(ticket_hash=token_hash(ticket))
    row = rows.select_related("user").first()
    is_ours = row is not None and rows.filter(pk=row.pk).delete()[0] == 1
    return row if row and is_ours and row.expires_at > now else None

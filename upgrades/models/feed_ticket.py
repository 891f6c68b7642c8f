"""Tickets that open one stream of the feed, for browsers: an address that is of no use a moment later."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import models

from upgrades.models.wallboard_link import WallboardLink

TICKET_IS_VALID = timedelta(seconds=30)


class FeedTicket(models.Model):
    """A ticket, of which only a hash is kept; it is deleted when it is used. It stands for a link at a revision, or for a session."""

    ticket_hash = models.CharField(max_length=64, unique=True)
    link = models.ForeignKey(WallboardLink, null=True, on_delete=models.CASCADE)
    revision = models.PositiveIntegerField(default=0)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE)
    session = models.CharField(max_length=40, blank=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"a ticket until {self.expires_at}"

"""Links that let wallboards and scripts read the feed without signing in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q

from upgrades.core.feed_scope import FeedScope
from upgrades.core.random_tokens import token_hash

MAX_TOKEN = 200  # characters; ours have 43
USE_IS_WRITTEN = timedelta(minutes=1)  # how often, at most


@dataclass(frozen=True, slots=True)
class LinkIdentity:
    """A link as it was when somebody began to read with it. It ends when the link is revoked, rotated, or changed."""

    link: int
    revision: int
    rotated_at: datetime | None = None


class WallboardLink(models.Model):
    """A link. Of its token only a hash is kept. `scale_sets` are keys, `groups` resource groups; without any it sees all.

    A revoked link stays revoked. `revision` is raised by whatever ends what is read with it now.
    """

    name = models.CharField(max_length=100)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    scale_sets = models.JSONField(default=list)
    groups = models.JSONField(default=list)
    origins = models.JSONField(default=list)
    revision = models.PositiveIntegerField(default=0, editable=False)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    rotated_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=Q(revoked_at__isnull=True), name="one_link_of_a_name_that_is_not_revoked"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def scope(self) -> FeedScope:
        return FeedScope.of(self.scale_sets, self.groups)

    @property
    def identity(self) -> LinkIdentity:
        return LinkIdentity(self.pk, self.revision, self.rotated_at)


def link_of(token: str) -> WallboardLink | None:
    """The link that this token opens; None where there is none, or it was revoked."""
    if not 0 < len(token) <= MAX_TOKEN:
        return None
    return WallboardLink.objects.filter(token_hash=token_hash(token), revoked_at=None).first()


def link_of_identity(identity: LinkIdentity) -> WallboardLink | None:
    """The link, unless it has ended since."""
    rows = WallboardLink.objects.filter(pk=identity.link, revision=identity.revision, revoked_at=None)
    return rows.first()


def ended_links(links: set[LinkIdentity]) -> dict[LinkIdentity, bool]:
    """Those that have ended: revoked, rotated or changed meanwhile. {identity: whether its token still opens what the link shows now}"""
    rows = WallboardLink.objects.filter(pk__in={identity.link for identity in links}, revoked_at=None)
    present = {
        row.link: row for row in (LinkIdentity(*row) for row in rows.values_list("pk", "revision", "rotated_at"))
    }
    return {
        identity: identity.link in present and present[identity.link].rotated_at == identity.rotated_at
        for identity in links
        if present.get(identity.link) != identity
    }


def note_use(link: WallboardLink, now: datetime) -> None:
    """Write that the link is used now, unless that was written within a minute."""
    if link.used_at and now - USE_IS_WRITTEN < link.used_at <= now:
        return
    was = Q(used_at__isnull=True) | Q(used_at__lte=now - USE_IS_WRITTEN) | Q(used_at__gt=now)
    WallboardLink.objects.filter(was, pk=link.pk).update(used_at=now)

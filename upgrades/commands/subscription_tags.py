"""Changes the tags of the subscription."""

from collections.abc import Callable, Mapping

from django.db import transaction

from upgrades.commands.audit import audited, note
from upgrades.commands.errors import refusing
from upgrades.core import limits
from upgrades.core.auditing import ObjectKind
from upgrades.core.json_fields import check_tags
from upgrades.models import Subscription

Edit = Callable[[Mapping[str, str]], Mapping[str, str]]


@audited("SubscriptionTagsChanged", ObjectKind.SUBSCRIPTION)
def change_subscription_tags(edit: Edit) -> None:
    """Put the tags that `edit` makes of the present ones. Raises Refused for too many or too long ones, and what `edit` raises."""
    with transaction.atomic():
        row = Subscription.objects.select_for_update().get()
        before, after = row.tags, dict(edit(row.tags))
        with refusing():
            check_tags({"tags": after})
            limits.check_tags({"tags": after}, {"tags": before})
        note("Changed the tags of the subscription.", before={"tags": before}, after={"tags": after}, object_id=row.pk)
        row.tags = after
        row.save(update_fields=["tags"])

"""What an API client needs to sign in, under the names that Azure gives it."""

from upgrades.models import ApiClient, Subscription


def credentials(row: ApiClient, secret: str) -> dict[str, str]:
    """{"tenantId", "subscriptionId", "clientId", "clientSecret"}. Raises Subscription.DoesNotExist in a database that is new."""
    subscription = Subscription.objects.get()
    return {
        "tenantId": str(subscription.tenant_id),
        "subscriptionId": str(subscription.pk),
        "clientId": str(row.pk),
        "clientSecret": secret,
    }

"""What clients ask before they have a token: where everything is."""

from django.http import HttpRequest

from upgrades.arm.answers import Answer
from upgrades.arm.requests import without_token
from upgrades.models import Subscription


def endpoints(request: HttpRequest) -> Answer:
    """GET /metadata/endpoints?api-version=2022-09-01: one JSON object that describes this "cloud"."""
    here = request.build_absolute_uri("/").rstrip("/")
    tenant = str(Subscription.objects.get().tenant_id)
    return Answer(
        {
            "name": "Rollgrid",
            "portal": here,
            "resourceManager": here,
            "authentication": {
                "loginEndpoint": here,
                "audiences": [here, "https://management.azure.com"],
                "tenant": tenant,
                "identityProvider": "AAD",
            },
            "graphAudience": here,
            "suffixes": {},
        }
    )


ENDPOINTS = without_token(endpoints)

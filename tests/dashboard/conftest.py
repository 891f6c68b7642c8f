"""Who looks at the pages."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.dashboard.relaying import tell

__all__ = ["ada", "tell"]


@pytest.fixture
def ada(client: Client) -> Client:
    """She may do everything."""
    client.force_login(User.objects.create_user("ada", is_superuser=True))
    return client

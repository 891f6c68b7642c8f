"""People who use the admin."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.admin.people import Admitting


@pytest.fixture
def ada(client: Client) -> Client:
    """She may do everything."""
    client.force_login(User.objects.create_user("ada", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def admitting() -> Admitting:
    """Lets somebody in who may do these things only: "view_scaleset"."""

    def admit(*permissions: str) -> Client:
        user = User.objects.create_user("bob", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client = Client()
        client.force_login(user)
        return client

    return admit

"""What tests of the pages share: who may do what, where the pages are, and what they say."""

from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client

from dashboard.rights import RIGHTS
from tests.stories import UBUNTU

HERE = "/scale-sets/fleet/web/"
SKU = ":".join(UBUNTU)


def with_rights(*names: str) -> Client:
    """Somebody who may do these things only."""
    user = User.objects.create_user(f"bob {' '.join(names)}")
    codenames = [RIGHTS[name].permission.partition(".")[2] for name in names]
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def the_time() -> datetime:
    """The pages read the real clock."""
    return datetime.now(UTC)  # noqa: TID251


def text(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.content.decode())

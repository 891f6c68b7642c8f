"""What the Azure emulator has in its database when it starts: an API client. Every image has a first version anyway."""

from datetime import datetime

from upgrades.commands.access import create_client, renew_secret
from upgrades.commands.audit import as_actor
from upgrades.core.auditing import Actor, EntryPoint, Who
from upgrades.management.credentials import credentials
from upgrades.models import ApiClient

CLIENT = "azure-emulator"


def make(now: datetime) -> dict[str, str]:
    """Returns the client's credentials. Where the database was used before, the client gets a new secret, and nothing else changes."""
    with as_actor(lambda: Actor(Who.PLATFORM, "the Azure emulator", entry_point=EntryPoint.TERMINAL)):
        is_there = ApiClient.objects.filter(name=CLIENT).exists()
        row, secret = renew_secret(CLIENT) if is_there else create_client(CLIENT, ApiClient.Role.ADMIN, now)
    return credentials(row, secret)

"""`manage.py end_tokens`: where a key may have got into wrong hands."""

from typing import Any

from upgrades.commands.token_keys import end_all_tokens
from upgrades.management.base import UpgradeCommand


class Command(UpgradeCommand):
    help = "Ends all API tokens at once by deleting the keys that sign them. Clients fetch new tokens automatically."

    def handle(self, *args: Any, **options: Any) -> None:
        end_all_tokens()
        self.stdout.write("all tokens of the API have ended; clients fetch new ones with their secrets")

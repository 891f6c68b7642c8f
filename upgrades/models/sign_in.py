"""Counts of failed sign-ins by account and address, for upgrades/sign_ins.py."""

from django.db import models


class SignInTries(models.Model):
    """Failures of one account, of one address, or of one account from one address; `key` is a hash of which of these.

    `signed_in_at` is for the last kind only: when the account last signed in from that address.
    """

    key = models.CharField(max_length=64, primary_key=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    last_at = models.DateTimeField(db_index=True, editable=False)
    signed_in_at = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return self.key

"""Failed sign-ins, by whom and from where: upgrades/sign_ins.py."""

from django.db import models


class SignInTries(models.Model):
    """Failures of one account, of one address, or of one account from one address; `key` is a hash of which.

    `signed_in_at` is for the last kind only: from there the account has signed in before.
    """

    key = models.CharField(max_length=64, primary_key=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    last_at = models.DateTimeField(db_index=True, editable=False)
    signed_in_at = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return self.key

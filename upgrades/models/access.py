"""Who may use the API, and the names under which it knows this installation."""

import uuid

from django.db import models


class ApiClient(models.Model):
    """A program that may use the API. `id` is its client id; of its secret only a hash is kept.

    Each token carries the `token_number` of its time. A new secret raises the number, which ends all tokens from before.
    """

    class Role(models.TextChoices):
        VIEWER = "viewer", "may read"
        OPERATOR = "operator", "may read and steer upgrades"
        ADMIN = "admin", "may do everything"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=150, unique=True)
    role = models.CharField(max_length=16, choices=Role.choices)
    secret_hash = models.CharField(max_length=64, editable=False)
    token_number = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]
        verbose_name = "API client"

    def __str__(self) -> str:
        return self.name

    @property
    def role_says(self) -> str:
        return self.Role(self.role).label

    def may(self, needed: "ApiClient.Role") -> bool:
        ranks = list(self.Role)
        return ranks.index(self.Role(self.role)) >= ranks.index(needed)


class Subscription(models.Model):
    """Azure's tenant and subscription. There is one row, made with the database: everything in this installation belongs to it.

    `secret_key_mark` tells whether the secret key is still the one that was used with this database; "" before the first start.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    tenant_id = models.UUIDField(default=uuid.uuid4)
    display_name = models.CharField(max_length=64, default="Rollgrid")
    secret_key_mark = models.CharField(max_length=64, blank=True, editable=False)
    tags = models.JSONField(default=dict, editable=False)

    def __str__(self) -> str:
        return self.display_name


class TokenKey(models.Model):
    """A key that tokens are signed with; `id` is the `kid` in their header. The private key is sealed, as secrets of scale sets are."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sealed_key = models.TextField(editable=False)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "id"]

    def __str__(self) -> str:
        return str(self.pk)

"""Resources that are stored as documents: networks and what belongs to them."""

from django.db import models

from upgrades.core.resource_kinds import ResourceKind, kind_of
from upgrades.models.location import Location


class ResourceDocument(models.Model):
    """What all stored resources have. `document` is the client's, whole; `key` is "resource group/name" in lower case."""

    key = models.CharField(max_length=180, unique=True)
    resource_group = models.CharField(max_length=90)
    name = models.CharField(max_length=80)
    location = models.ForeignKey(Location, on_delete=models.PROTECT)
    document = models.JSONField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.resource_group}/{self.name}"


class StoredResource(ResourceDocument):
    """A resource of any kind but load balancers, which have their own table. `type`: Azure's, as core/resource_kinds.py spells it."""

    key = models.CharField(max_length=180)
    type = models.CharField(max_length=80)

    class Meta:
        ordering = ["type", "key"]
        constraints = [models.UniqueConstraint(fields=["type", "key"], name="one_of_a_type_and_key")]

    @property
    def kind(self) -> ResourceKind:
        return kind_of(self.type)

"""Load balancers: only their health probes are used."""

from django.db import models

from upgrades.models.location import Location


class LoadBalancer(models.Model):
    """A load balancer. `document` is the client's, whole; `key` is "resource group/name" in lower case."""

    key = models.CharField(max_length=180, unique=True)
    resource_group = models.CharField(max_length=90)
    name = models.CharField(max_length=80)
    location = models.ForeignKey(Location, on_delete=models.PROTECT)
    document = models.JSONField()

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return f"{self.resource_group}/{self.name}"

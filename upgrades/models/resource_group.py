"""Resource groups: names under which scale sets and load balancers are put together."""

from django.db import models
from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Concat

from upgrades.models.location import Location
from upgrades.models.scale_set import ScaleSet


class ResourceGroup(models.Model):
    """A resource group. `key` is its name in lower case, `document` the client's. Putting something into a missing group creates it.

    A group that is being deleted exists until the last of its scale sets is gone.
    """

    key = models.CharField(max_length=180, unique=True)
    name = models.CharField(max_length=90)
    location = models.ForeignKey(Location, on_delete=models.PROTECT)
    document = models.JSONField(default=dict)
    deleting = models.BooleanField(default=False)

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name


def existing() -> models.QuerySet[ResourceGroup]:
    """The groups that exist: not deleted, or with scale sets that are not gone yet."""
    has_sets = Exists(ScaleSet.objects.filter(key__startswith=Concat(OuterRef("key"), Value("/"))))
    return ResourceGroup.objects.select_related("location").filter(Q(deleting=False) | has_sets)

"""Load balancers: only their health probes are used."""

from upgrades.models.stored_resource import ResourceDocument


class LoadBalancer(ResourceDocument):
    """A load balancer."""

    class Meta:
        ordering = ["key"]

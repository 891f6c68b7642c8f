"""Deployments of templates: what was asked for, how far it is, and what came of it."""

from django.db import models
from django.db.models import Q


class Deployment(models.Model):
    """One deployment. `key`: "resource group/name" in lower case, and "/name" of one of the subscription.

    `sealed_template` and `sealed_parameters` can be opened by this installation alone: there may be secrets in both. The parameters are
    the values of all of them, so that a deployment goes on with the same ones; they are erased when it ends. `parameters` is what may be
    shown, and `deployed` the ids of what was deployed, by nested deployments too. Whoever works on it holds it until `worked_until`, and
    `claim_number` says who was the last to take it.
    """

    class State(models.TextChoices):
        """As Azure spells them."""

        ACCEPTED = "Accepted"
        RUNNING = "Running"
        SUCCEEDED = "Succeeded"
        FAILED = "Failed"
        CANCELED = "Canceled"

    key = models.CharField(max_length=180, unique=True)
    resource_group = models.CharField(max_length=90, blank=True)
    name = models.CharField(max_length=64)
    location = models.CharField(max_length=64, blank=True)
    tags = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=State.choices, default=State.ACCEPTED)
    mode = models.CharField(max_length=16, default="Incremental")
    # By whom, and as what the request came: the changes of the template are theirs. `client_id` is of an API client, or made up for others.
    who = models.CharField(max_length=20, default="API client")
    actor_name = models.CharField(max_length=150, blank=True)
    actor_id = models.CharField(max_length=40, blank=True)
    client_id = models.UUIDField()
    came_from = models.CharField(max_length=200, blank=True)
    correlation_id = models.CharField(max_length=100)
    host = models.CharField(max_length=300)
    is_https = models.BooleanField()
    sealed_template = models.TextField(editable=False)
    sealed_parameters = models.TextField(editable=False, blank=True)
    parameters = models.JSONField(default=dict)
    template_hash = models.CharField(max_length=20)
    outputs = models.JSONField(default=dict)
    deployed = models.JSONField(default=list)
    error = models.JSONField(null=True)
    started_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    worked_until = models.DateTimeField(null=True)
    claim_number = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["key"]
        indexes = [
            models.Index(fields=["changed_at"], name="deployments_under_way", condition=Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.resource_group}/{self.name}" if self.resource_group else self.name

    @staticmethod
    def key_of(group: str, name: str) -> str:
        return f"{group}/{name}".lower()

    @staticmethod
    def keys_in(group: str) -> str:
        """What the keys of a group's deployments begin with; those of the subscription with an empty group's."""
        return f"{group}/".lower()


class DeploymentOperation(models.Model):
    """One resource of a deployment. `number`: its place in the order of the template, from 0 on; each comes after its `depends_on`.

    `is_deletion`: it goes, because a deployment in the mode Complete does not name it. `follows`: the address that says how far a change is
    whose answer was only its beginning.
    """

    class State(models.TextChoices):
        WAITING = ""
        RUNNING = "Running"
        SUCCEEDED = "Succeeded"
        FAILED = "Failed"
        CANCELED = "Canceled"

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="operations")
    number = models.PositiveIntegerField()
    is_deletion = models.BooleanField(default=False)
    resource_id = models.CharField(max_length=1_000)
    resource_type = models.CharField(max_length=300)
    resource_name = models.CharField(max_length=300)
    api_version = models.CharField(max_length=40)
    depends_on = models.JSONField(default=list)
    state = models.CharField(max_length=16, choices=State.choices, blank=True, default=State.WAITING)
    status_code = models.PositiveSmallIntegerField(default=0)
    error = models.JSONField(null=True)
    follows = models.CharField(max_length=2_000, blank=True)
    started_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["deployment", "number"]
        constraints = [
            models.UniqueConstraint(fields=["deployment", "number"], name="one_operation_of_a_number"),
        ]

    def __str__(self) -> str:
        return self.resource_id

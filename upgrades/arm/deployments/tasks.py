"""The Celery task that takes deployments further that no client looks at."""

import logging

from celery import shared_task
from django.db import DatabaseError

from upgrades.arm import clock
from upgrades.arm.deployments.running import advance, under_way
from upgrades.outages import is_database_away

log = logging.getLogger(__name__)


@shared_task(name="upgrades.arm.deployments.advance")
def advance_deployments() -> None:
    """Take each deployment further that nobody works on. Beat sends this every other second."""
    try:
        for deployment_id in under_way(clock.now()):
            advance(deployment_id)
    except DatabaseError as error:
        if not is_database_away(error):
            raise
        log.error("the database is not working (%s): deployments go on later by themselves", error)

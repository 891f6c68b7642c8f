"""`manage.py worker`: does the work of one queue, on the host of its locations (docs/providers.md)."""

from typing import Any

from celery import current_app
from django.core.management.base import BaseCommand

from upgrades.installation import WORKER_COMMAND


class Command(BaseCommand):
    help = (
        "Reconciles and upgrades the scale sets of the locations whose queue is ROLLGRID_QUEUE, until it is told to stop. For another host "
        "than that of `manage.py up`, which starts a worker for the locations without a queue; run `manage.py prober` beside it."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        current_app.worker_main(["--skip-checks", "--quiet", *WORKER_COMMAND])

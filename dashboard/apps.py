"""Loads our Celery application in every process that runs Django, so that `shared_task` finds it."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "dashboard"

    def ready(self) -> None:
        import dashboard.celery  # noqa: F401

"""Makes our Celery application the one that `shared_task` finds, in every process that runs Django."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "dashboard"

    def ready(self) -> None:
        import dashboard.celery  # noqa: F401

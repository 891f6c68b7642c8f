"""What answers under which path. /healthz and /readyz answer before all of these: dashboard/health.py."""

from django.urls import URLPattern, URLResolver, path

from dashboard import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.what_runs, name="fleet"),
    path("feed/snapshot", views.feed_snapshot, name="feed snapshot"),
]

"""What answers under which path. /healthz and /readyz answer before all of these: dashboard/health.py."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import URLPattern, URLResolver, path
from django.views.generic import RedirectView

from dashboard import views
from dashboard.security import SignInForm

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.what_runs, name="fleet"),
    path("login/", LoginView.as_view(template_name="login.html", authentication_form=SignInForm), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    # One door: these two stand before the admin's own.
    path("admin/login/", RedirectView.as_view(pattern_name="login", query_string=True)),
    path("admin/logout/", LogoutView.as_view()),
    path("admin/", admin.site.urls),
    path("feed/snapshot", views.feed_snapshot, name="feed snapshot"),
]

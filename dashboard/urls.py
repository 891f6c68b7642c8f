"""The addresses of the pages and the API. /healthz and /readyz are answered before all of these: dashboard/health.py."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from dashboard import (
    actions,
    audit,
    checks,
    consequences,
    deployments,
    feed,
    feed_embedding,
    feed_protocol,
    feed_summary,
    publishing,
    scraping,
    views,
    wall,
    wallboards,
)
from dashboard.security import SignInView, SignOutView

handler400 = "dashboard.error_pages.bad_request"
handler403 = "dashboard.error_pages.forbidden"
handler404 = "dashboard.error_pages.not_found"
handler500 = "dashboard.error_pages.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.fleet, name="fleet"),
    path("scale-sets/<str:group>/<str:name>/", views.scale_set, name="scale set"),
    path("scale-sets/<str:group>/<str:name>/instances/<int:number>/history/", views.instance_history, name="history"),
    path("scale-sets/<str:group>/<str:name>/checks/", checks.page, name="checks"),
    path("scale-sets/<str:group>/<str:name>/checks/references/", checks.references, name="checked references"),
    path("scale-sets/<str:group>/<str:name>/checks/recovery/", checks.recovery, name="recovery"),
    path("scale-sets/<str:group>/<str:name>/opt-out/", actions.opt_out, name="opt out"),
    path("scale-sets/<str:group>/<str:name>/opt-in/", actions.opt_in, name="opt in"),
    path("scale-sets/<str:group>/<str:name>/start/", actions.start, name="start"),
    path(
        "scale-sets/<str:group>/<str:name>/start-unhealthy-first/",
        actions.start_unhealthy_first,
        name="start unhealthy first",
    ),
    path("scale-sets/<str:group>/<str:name>/start-extensions/", actions.start_extensions, name="start extensions"),
    path("scale-sets/<str:group>/<str:name>/retry-failed/", actions.retry_failed, name="retry failed"),
    path("scale-sets/<str:group>/<str:name>/retry/", actions.retry_now, name="retry"),
    path("scale-sets/<str:group>/<str:name>/pause/", actions.pause, name="pause"),
    path("scale-sets/<str:group>/<str:name>/resume/", actions.resume, name="resume"),
    path("scale-sets/<str:group>/<str:name>/next-batch/", actions.next_batch, name="next batch"),
    path("scale-sets/<str:group>/<str:name>/release/", actions.release, name="release"),
    path("scale-sets/<str:group>/<str:name>/approve/", actions.approve, name="approve"),
    path("scale-sets/<str:group>/<str:name>/withdraw-approval/", actions.withdraw_approval, name="withdraw approval"),
    path("scale-sets/<str:group>/<str:name>/cancel/", actions.cancel, name="cancel"),
    path("scale-sets/<str:group>/<str:name>/automatic/", actions.automatic, name="automatic"),
    path("scale-sets/<str:group>/<str:name>/keep-opt-out/", actions.undo_opt_in, name="undo opt in"),
    path("scale-sets/<str:group>/<str:name>/take-opt-out-back/", actions.undo_opt_out, name="undo opt out"),
    path("scale-sets/<str:group>/<str:name>/would/<str:action>/", consequences.of_scale_set, name="consequences"),
    path("fleet-stop/end/would/", consequences.of_ending_the_fleet_stop, name="consequences of ending the fleet stop"),
    path("fleet-stop/", actions.stop_fleet, name="stop fleet"),
    path("fleet-stop/end/", actions.end_fleet_stop, name="end fleet stop"),
    path("audit/", audit.page, name="audit"),
    path("audit/audit.csv", audit.export_csv, name="audit csv"),
    path("audit/audit.json", audit.export_json, name="audit json"),
    path("images/", views.images, name="images"),
    path("images/skus/", views.skus, name="skus"),
    path("images/publish/", actions.publish, name="publish"),
    path("images/publish/would/", publishing.would_publish_it, name="consequences of publishing"),
    path("images/withdraw/", actions.withdraw_image, name="withdraw image"),
    path("images/withdraw/undo/would/", publishing.would_restore, name="consequences of restoring"),
    path("images/withdraw/undo/", actions.undo_withdrawal, name="undo withdrawal"),
    path("deployments/", deployments.every, name="deployments"),
    path("deployments/new/", deployments.new, name="deploy"),
    path("deployments/of-subscription/<str:name>/", deployments.one, name="deployment of subscription"),
    path(
        "deployments/of-subscription/<str:name>/cancel/", deployments.cancel, name="cancel deployment of subscription"
    ),
    path("deployments/<str:group>/<str:name>/", deployments.one, name="deployment"),
    path("deployments/<str:group>/<str:name>/cancel/", deployments.cancel, name="cancel deployment"),
    path("login/", SignInView.as_view(), name="login"),
    path("logout/", SignOutView.as_view(), name="logout"),
    # Before the admin's own addresses, so that there is only one way to sign in and out.
    path("admin/login/", RedirectView.as_view(pattern_name="login", query_string=True)),
    path("admin/logout/", SignOutView.as_view()),
    path("admin/", admin.site.urls),
    path("metrics", scraping.metrics, name="metrics"),
    path("wallboards/", wallboards.page, name="wallboards"),
    path("wallboards/clients/", wallboards.clients, name="wallboard clients"),
    path("wallboards/create/", wallboards.create, name="create wallboard"),
    path("wallboards/change/", wallboards.change, name="change wallboard"),
    path("wallboards/rotate/", wallboards.rotate, name="rotate wallboard"),
    path("wallboards/revoke/", wallboards.revoke, name="revoke wallboard"),
    path("wall/<str:token>/", wall.page, name="wall"),
    path("feed/ticket", feed.ticket, name="feed ticket"),
    path("feed/events", feed.preflight_only, name="feed events"),
    path("feed/summary", feed_summary.feed_summary, name="feed summary"),
    path("feed/table", feed_summary.table, name="feed table"),
    path("feed/annotations", feed_summary.annotations, name="feed annotations"),
    path("feed/rollgrid-feed.js", feed_embedding.module, {"name": "rollgrid-feed.js"}, name="feed module"),
    path("feed/rollgrid-grid.js", feed_embedding.module, {"name": "rollgrid-grid.js"}, name="grid module"),
    path("feed/schema", feed_protocol.schema, name="feed schema"),
    path("feed/asyncapi", feed_protocol.asyncapi, name="feed asyncapi"),
    path("feed/heads", feed.heads, name="feed heads"),
    path("feed/snapshot", feed.snapshot, name="feed snapshot"),
    path("", include("upgrades.arm.urls")),
]

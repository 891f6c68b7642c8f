"""The answer of /metrics, made anew for each scrape."""

import logging
from collections.abc import Iterator

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder

from dashboard import health
from dashboard.metrics import fleet, installation
from dashboard.metrics.access import may_read

log = logging.getLogger(__name__)


class Scrape:
    """What is read for one scrape. It has the form that prometheus_client calls a registry."""

    def collect(self) -> Iterator[Metric]:
        """Without a database there is no fleet: these metrics are absent then, and `rollgrid_database_up` is 0."""
        now = timezone.now()
        database, broker = health.CHECKS["database"], health.CHECKS["broker"]
        needs_simulator = health.NEEDS["simulator"]
        yield from installation.families(settings.ROLLGRID_HOME, now, database, broker, simulator=needs_simulator)
        if database.ask():
            return
        try:
            yield from fleet.families(now)
        except Error as error:
            log.warning("metrics of the fleet cannot be read (%s)", error)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """In OpenMetrics where the client asks for it, otherwise in the text format of Prometheus."""
    if not may_read(request):
        refusal = HttpResponse("Sign in as staff, or send the metrics token: docs/metrics.md\n", "text/plain", 401)
        refusal.headers["WWW-Authenticate"] = 'Bearer realm="metrics"'
        return refusal
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(Scrape()), content_type, headers={"Cache-Control": "no-store"})

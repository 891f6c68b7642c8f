"""The address /metrics. What makes its answer is loaded by the first scrape (dashboard/metrics/)."""

from django.http import HttpRequest, HttpResponse


def metrics(request: HttpRequest) -> HttpResponse:
    """The answer of /metrics."""
    from dashboard.metrics import page  # loading prometheus_client takes 0.1 s, which only servers pay that are scraped

    return page.metrics(request)

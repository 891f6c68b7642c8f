"""The pages: read, render."""

from django.http import HttpRequest, HttpResponse


def what_runs(request: HttpRequest) -> HttpResponse:
    return HttpResponse(
        "Rollgrid runs here: it rolls new OS images through fleets of virtual machines.\n", content_type="text/plain"
    )

"""GET /feed/rollgrid-grid.js and /feed/rollgrid-feed.js: the modules of clients/js, which pages of any site may load."""

from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from dashboard.environment import CHECKOUT
from upgrades.installation import IS_CHECKOUT

FOLDER = CHECKOUT / "clients" / "js" if IS_CHECKOUT else Path(__file__).parent / "feed_modules"
MAX_AGE_SECONDS = 300


@require_safe
def module(request: HttpRequest, name: str) -> HttpResponse:
    """`name` is one of the addresses' own (urls.py). A page of another site loads a module only if all origins may read it."""
    headers = {"Cache-Control": f"public, max-age={MAX_AGE_SECONDS}", "Access-Control-Allow-Origin": "*"}
    return HttpResponse((FOLDER / name).read_bytes(), content_type="text/javascript; charset=utf-8", headers=headers)

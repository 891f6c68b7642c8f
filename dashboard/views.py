"""The views of the pages: they only read and render."""

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from upgrades import catalog, history
from upgrades.catalog import Overview
from upgrades.core import versions
from upgrades.installation import PROGRAM
from upgrades.models import Location, ScaleSet

UNSHOWN = ("document", "sealed_secrets", "decision")
HISTORY_LINES = 30
MAX_NUMBER = 2**31 - 1  # of an instance; a larger one would be a database error


@dataclass(frozen=True, slots=True)
class Figure:
    """A headline number of the fleet, filled in by the page's script. `?only=key` shows only scale sets in which it counts something."""

    key: str
    label: Promise
    fill: str = ""
    glyph: str = ""


FIGURES = (
    Figure("all", _("Instances")),
    Figure("latest", _("On the latest image"), "done", "done"),
    Figure("moving", _("Upgrading"), "active", "upgrading"),
    Figure("bad", _("Unhealthy or unknown"), "attention", "unhealthy"),
    Figure("out", _("Opted out"), "out", "opted-out"),
    Figure("needs", _("Need attention")),
)


@require_safe
@gzip_page
@login_required
def fleet(request: HttpRequest) -> HttpResponse:
    """All scale sets. This renders which there are; the page's script fills in what changes."""
    rows = list(ScaleSet.objects.select_related("sku").defer(*UNSHOWN))
    context = {
        "page": "fleet",
        "scale_sets": rows,
        "figures": FIGURES,
        "only": request.GET.get("only") or "all",
        "program": PROGRAM,
    }
    return render(request, "fleet.html", context)


@require_safe
@gzip_page
@login_required
def scale_set(request: HttpRequest, group: str, name: str) -> HttpResponse:
    return render(request, "scale_set.html", {"page": "scale set", "scale_set": _scale_set(group, name)})


@require_safe
@login_required
def instance_history(request: HttpRequest, group: str, name: str, number: int) -> HttpResponse:
    """A fragment for the instance's panel: its history, latest first."""
    row = _scale_set(group, name)
    if number > MAX_NUMBER:
        raise Http404(f"{row} has no instance {number}")
    return render(request, "parts/history.html", {"lines": history.of_instance(row, number, max_rows=HISTORY_LINES)})


@require_safe
@gzip_page
@login_required
def images(request: HttpRequest) -> HttpResponse:
    """The catalogue: SKUs, their versions, and how many instances run each."""
    keys = list(ScaleSet.objects.values_list("key", flat=True))
    context = {"page": "images", "skus": _skus(), "locations": Location.objects.order_by("name"), "keys": keys}
    return render(request, "images.html", context)


@require_safe
@login_required
def skus(request: HttpRequest) -> HttpResponse:
    """A fragment: the catalogue, read again after a version was published."""
    return render(request, "parts/skus.html", {"skus": _skus()})


def _skus() -> list[tuple[Overview, str]]:
    """Each SKU with a proposal for the number of its next version."""
    today = timezone.now().date()
    return [(overview, versions.plausible_next(overview.latest, today)) for overview in catalog.overview()]


def _scale_set(group: str, name: str) -> ScaleSet:
    rows = ScaleSet.objects.select_related("sku", "location").defer(*UNSHOWN)
    return get_object_or_404(rows, key=ScaleSet.key_of(group, name))

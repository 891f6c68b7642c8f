"""The page of a scale set's checks: what its model refers to, and the four steps of recovery after an upgrade that stopped."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from upgrades import preflight
from upgrades.commands.reference_checks import FAILED, NOT_CHECKED, OK, Check
from upgrades.models import ScaleSet
from upgrades.recovery import recovery_of

# How a check is shown: (fill, glyph).
FACES = {FAILED: ("failure", "failed"), NOT_CHECKED: ("waiting", "pending"), OK: ("done", "done")}


@require_safe
@login_required
def page(request: HttpRequest, group: str, name: str) -> HttpResponse:
    """The page's frame. The checks take seconds, since addresses are called, so the page asks for them."""
    row = _scale_set(group, name)
    return render(request, "checks.html", {"page": "fleet", "scale_set": row, **_recovery(row)})


@require_safe
@login_required
def references(request: HttpRequest, group: str, name: str) -> HttpResponse:
    """A fragment: all checks, made now."""
    row = _scale_set(group, name)
    found = _sorted(preflight.checks(row, timezone.now()))
    checks = [{"check": check, "fill": FACES[check.result][0], "glyph": FACES[check.result][1]} for check in found]
    return render(request, "parts/references.html", {"scale_set": row, "checks": checks})


@require_safe
@login_required
def recovery(request: HttpRequest, group: str, name: str) -> HttpResponse:
    """A fragment: how far the scale set has recovered. It calls nothing."""
    row = _scale_set(group, name)
    return render(request, "parts/recovery.html", {"scale_set": row, **_recovery(row)})


def _sorted(found: Sequence[Check]) -> list[Check]:
    """What failed first."""
    return sorted(found, key=lambda check: list(FACES).index(check.result))


def _recovery(row: ScaleSet) -> dict[str, Any]:
    return {"recovery": recovery_of(row, timezone.now())}


def _scale_set(group: str, name: str) -> ScaleSet:
    row = ScaleSet.objects.select_related("sku", "location").filter(key=ScaleSet.key_of(group, name)).first()
    if row is None:
        raise Http404
    return row

"""Django's handlers for ASGI, and what they fail at."""

from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.handlers.asgi import ASGIHandler

from dashboard import limits, trouble
from dashboard.limits import Shape
from upgrades.arm import urls


class Pages(ASGIHandler):
    """A charset that no codec can be named by, or one beside too many parameters, is a bad request: Django raises where nobody catches."""

    def create_request(self, scope: Any, body_file: Any) -> Any:
        try:
            return super().create_request(scope, body_file)
        except (ValueError, SuspiciousOperation):
            return None, trouble.said(limits.answer(_shape(scope), 400))


def _shape(scope: Any) -> Shape:
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    shape = limits.route(path).shape
    return Shape.ARM if shape is Shape.PAGE and urls.found_at(path) else shape

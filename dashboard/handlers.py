"""Django's ASGI handler, with the errors caught that it does not catch itself."""

from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.handlers.asgi import ASGIHandler

from dashboard import error_pages, limits
from dashboard.limits import Shape
from upgrades.arm import urls


class Pages(ASGIHandler):
    """Django's handler, which answers 400 where making the request object fails: an impossible charset, or one beside too many parameters.

    Django raises these errors where nothing catches them.
    """

    def create_request(self, scope: Any, body_file: Any) -> Any:
        try:
            return super().create_request(scope, body_file)
        except (ValueError, SuspiciousOperation):
            return None, error_pages.to_response(limits.answer(_shape(scope), 400))


def _shape(scope: Any) -> Shape:
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    shape = limits.route(path).shape
    return Shape.ARM if shape is Shape.PAGE and urls.found_at(path) else shape

"""The ASGI application that the web server serves."""

import django
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings

from dashboard import environment

environment.keep_ours()
django.setup()  # before the imports below, which need the models

from dashboard.connections import TokenOrSession  # noqa: E402
from dashboard.event_stream import EventStreams  # noqa: E402
from dashboard.handlers import Pages  # noqa: E402
from dashboard.proxy_headers import RestoredRequests  # noqa: E402
from dashboard.routing import websocket_urlpatterns  # noqa: E402
from dashboard.static_files import StaticFiles  # noqa: E402

_routes = ProtocolTypeRouter(
    {
        "http": StaticFiles(EventStreams(Pages())),
        "websocket": TokenOrSession(URLRouter(websocket_urlpatterns)),
    }
)
application = RestoredRequests(_routes, settings.EXTERNAL, settings.TRUSTED_PROXIES)

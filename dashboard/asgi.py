"""The ASGI application that Daphne serves."""

import os

from channels.routing import ProtocolTypeRouter
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
application = ProtocolTypeRouter({"http": ASGIStaticFilesHandler(get_asgi_application())})

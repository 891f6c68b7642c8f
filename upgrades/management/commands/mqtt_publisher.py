"""`manage.py mqtt_publisher`: keeps an MQTT broker up to date, for Home Assistant and others (docs/mqtt.md)."""

import signal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone


class Command(BaseCommand):
    help = "Publishes the state of all scale sets to the broker of ROLLGRID_MQTT_URL, until it is told to stop. Needs the extra `mqtt`."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.MQTT_URL:
            raise CommandError("ROLLGRID_MQTT_URL is not set: mqtts://user:password@host/prefix")
        if find_spec("paho") is None:
            raise CommandError("paho-mqtt is not installed: pip install 'rollgrid[mqtt]'")
        from upgrades.mqtt.publisher import Address, Publisher, read_messages

        ca = Path(settings.MQTT_CA) if settings.MQTT_CA else None
        publisher = Publisher(
            Address.from_url(settings.MQTT_URL, ca), lambda prefix: read_messages(prefix, timezone.now())
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: publisher.stop())
        publisher.run()

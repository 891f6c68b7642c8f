"""Checks sources of images in threads of a worker: a download may take hours, and must not take a place from upgrades."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from django.db import DatabaseError, connection

from upgrades.commands.audit import as_actor
from upgrades.commands.image_sources import check_image_source, due_image_sources
from upgrades.core.auditing import Actor, EntryPoint, Who
from upgrades.models import ImageSource

log = logging.getLogger(__name__)
_checking, _lock = set[int](), threading.Lock()


def check_due_sources(clock: Callable[[], datetime]) -> list[threading.Thread]:
    """One thread each, so that none waits for another. Those that this process is checking go on."""
    threads = []
    for row in due_image_sources(clock()):
        with _lock:
            if row.pk in _checking:
                continue
            _checking.add(row.pk)
        thread = threading.Thread(target=_check, args=(row, clock), name=f"image source {row}", daemon=True)
        thread.start()
        threads.append(thread)
    return threads


def _check(row: ImageSource, clock: Callable[[], datetime]) -> None:
    actor = Actor(Who.PLATFORM, f"image source {row}", entry_point=EntryPoint.SCRIPT)
    try:
        with as_actor(lambda: actor):
            check_image_source(row, clock)
    except DatabaseError as error:
        log.error("the database is not working (%s): image source %s is checked later by itself", error, row)
    except Exception:  # nobody else would say it
        log.exception("image source %s could not be checked", row)
    finally:
        with _lock:
            _checking.discard(row.pk)
        connection.close()

"""`manage.py createsuperuser`: Django's, which is written to the audit trail. Whoever it makes may do everything."""

import uuid
from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.db.models.signals import post_save

from upgrades.commands import people
from upgrades.core.auditing import EntryPoint, terminal_actor


class Command(createsuperuser.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        by = terminal_actor(EntryPoint.TERMINAL, str(uuid.uuid4()))

        def write(instance: Any, *, created: bool, **_: object) -> None:
            if created:
                people.user_added(instance.get_username(), instance.pk, by)

        # Django's command asks questions on its way: a transaction around all of it would lock the database meanwhile.
        post_save.connect(write, sender=self.UserModel)
        try:
            super().handle(*args, **options)
        finally:
            post_save.disconnect(write, sender=self.UserModel)

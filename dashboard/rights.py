"""Who may do what on the pages, by Django's own permissions, which are given to people and groups in the admin."""

from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Right:
    permission: str
    does: str

    @property
    def why_not(self) -> str:
        return f"You have view-only access. To {self.does}, ask an administrator for the permission {self.permission}."


RIGHTS = {
    "steer": Right("upgrades.change_scaleset", "steer upgrades"),
    "opt_out": Right("upgrades.add_optout", "opt instances out"),
    "opt_in": Right("upgrades.change_optout", "opt instances in again"),
    "stop_fleet": Right("upgrades.add_fleetstop", "stop all automatic upgrades"),
    "end_fleet_stop": Right("upgrades.change_fleetstop", "resume all automatic upgrades"),
    "publish": Right("upgrades.add_imageversion", "publish and withdraw image versions"),
}


def has(user: User | AbstractBaseUser | AnonymousUser, name: str) -> bool:
    return isinstance(user, User) and user.has_perm(RIGHTS[name].permission)


def may_audit(user: User | AbstractBaseUser | AnonymousUser) -> bool:
    """Whether this person may see the audit trail: staff, and people with the permission upgrades.view_auditentry."""
    return isinstance(user, User) and user.is_active and (user.is_staff or user.has_perm("upgrades.view_auditentry"))


def rights(request: HttpRequest) -> dict[str, object]:
    """Context processor: `may` says which rights the signed-in person has, `why_not` what to tell them about the others.

    The request has no user where Django refused it before it was authenticated.
    """
    user = getattr(request, "user", AnonymousUser())
    return {
        "may_audit": may_audit(user),
        "may": {name: has(user, name) for name in RIGHTS},
        "why_not": {name: right.why_not for name, right in RIGHTS.items()},
    }

"""Who may do what on the pages, by Django's own permissions, which are given to people and groups in the admin."""

from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Right:
    permission: str
    refusal: Promise

    @property
    def why_not(self) -> str:
        return str(self.refusal).format(permission=self.permission)


RIGHTS = {
    "steer": Right(
        "upgrades.change_scaleset",
        _("You have view-only access. To steer upgrades, ask an administrator for the permission {permission}."),
    ),
    "opt_out": Right(
        "upgrades.add_optout",
        _("You have view-only access. To opt instances out, ask an administrator for the permission {permission}."),
    ),
    "opt_in": Right(
        "upgrades.change_optout",
        _(
            "You have view-only access. To opt instances in again, ask an administrator for the permission {permission}."
        ),
    ),
    "stop_fleet": Right(
        "upgrades.add_fleetstop",
        _(
            "You have view-only access. To stop all automatic upgrades, ask an administrator for the permission {permission}."
        ),
    ),
    "end_fleet_stop": Right(
        "upgrades.change_fleetstop",
        _(
            "You have view-only access. To resume all automatic upgrades, ask an administrator for the permission {permission}."
        ),
    ),
    "make_links": Right(
        "upgrades.add_wallboardlink",
        _("You have view-only access. To make wallboard links, ask an administrator for the permission {permission}."),
    ),
    "revoke_links": Right(
        "upgrades.delete_wallboardlink",
        _(
            "You have view-only access. To revoke wallboard links, ask an administrator for the permission {permission}."
        ),
    ),
    "deploy": Right(
        "upgrades.add_deployment",
        _("You have view-only access. To deploy templates, ask an administrator for the permission {permission}."),
    ),
    "publish": Right(
        "upgrades.add_imageversion",
        _(
            "You have view-only access. To publish and withdraw image versions, ask an administrator for the permission {permission}."
        ),
    ),
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

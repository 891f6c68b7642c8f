"""People and their groups: Django's own pages, written to the audit trail."""

from django.contrib import admin
from django.contrib.auth import admin as django_admin
from django.contrib.auth.models import Group, User

from upgrades.admin.base import AuditedAdmin
from upgrades.core.auditing import ObjectKind

admin.site.unregister([User, Group])


@admin.register(User)
class UserAdmin(AuditedAdmin[User], django_admin.UserAdmin):  # type: ignore[type-arg]  # takes none when it runs
    audit_kind, audit_code = ObjectKind.USER, "User"
    readonly_fields = ["last_login", "date_joined"]


@admin.register(Group)
class GroupAdmin(AuditedAdmin[Group], django_admin.GroupAdmin):
    audit_kind, audit_code = ObjectKind.USER_GROUP, "UserGroup"

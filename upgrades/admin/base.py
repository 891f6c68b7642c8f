"""What the pages of the admin have in common: refusals of commands as form errors, pages that only show, acts that ask first."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.core.exceptions import ValidationError
from django.db.models import Count, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.functional import lazy
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, gettext_lazy, ngettext

from upgrades.commands import audit
from upgrades.commands.errors import Refused
from upgrades.core.auditing import ObjectKind
from upgrades.core.json_fields import BadDocument, check_json

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as ModelAdmin
    from django.forms import ModelForm as ModelForm
    from django.utils.functional import _StrPromise as Lazy
else:
    from django.utils.functional import Promise as Lazy

    class ModelAdmin(admin.ModelAdmin):
        """With a type argument, which Django's takes for mypy only."""

        def __class_getitem__(cls, _: object) -> type:
            return cls

    class ModelForm(forms.ModelForm):
        def __class_getitem__(cls, _: object) -> type:
            return cls


Row = TypeVar("Row", bound=Model)
MAX_SHOWN = 20  # rows of a question
MAX_NAMED = 10  # names in a message


class MomentField(forms.DateTimeField):
    """A time to come. In the zone of whoever types it: static/js/admin.js sends it in UTC, which it is without a script."""

    def __init__(self, *, label: Lazy, empty: Lazy) -> None:
        help_text = lazy(_with_zone, SafeString)(empty)
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(label=label, required=False, widget=widget, help_text=help_text)


def _with_zone(empty: Lazy) -> SafeString:
    zone = mark_safe(gettext('Times are in <span class="zone">UTC</span>.'))
    return format_html("{} {}", zone, empty)


def now() -> datetime:
    """The admin's clock: read once for each command, and handed on."""
    return timezone.now()


def name_of(request: HttpRequest) -> str:
    """Who does it, for the record."""
    return request.user.get_username()


def count_of(rows: QuerySet[Any], outer: str = "scale_set") -> Coalesce:
    """How many of these rows point (by `outer`) at a row of the list: a subquery, so that only the page's own rows are counted."""
    counts = rows.filter(**{outer: OuterRef("pk")}).order_by().values(outer).annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counts), 0)


def without_documents(rows: QuerySet[Row], prefix: str = "scale_set__") -> QuerySet[Row]:
    """Lists need none of the big columns of scale sets."""
    return rows.defer(*(prefix + name for name in ("document", "sealed_secrets", "decision")))


FEW_LINES = 24


def pretty(value: object) -> SafeString:
    """JSON to read; where it is long, folded away under how long it is."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    lines = text.count("\n") + 1
    shown = format_html('<pre class="readonly">{}</pre>', text)
    if lines <= FEW_LINES:
        return shown
    count = ngettext("{count} line", "{count} lines", lines).format(count=lines)
    return format_html("<details><summary>{}</summary>{}</details>", count, shown)


class JSONField(forms.JSONField):
    """Shows the document in lines, and says where it is not JSON."""

    widget = forms.Textarea(attrs={"rows": 24, "cols": 100, "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, str) or value is None:
            return value  # what was typed
        return json.dumps(value, indent=2, ensure_ascii=False)

    def bound_data(self, data: Any, initial: Any) -> Any:
        return data

    def to_python(self, value: Any) -> Any:
        if not isinstance(value, str) or not value.strip():
            return value
        try:
            document = json.loads(value)
            check_json(document)
            return document
        except BadDocument as error:
            raise ValidationError(gettext("This cannot be stored: {why}.").format(why=error.message)) from error
        except json.JSONDecodeError as error:
            says = gettext("This is not JSON: {why} in line {line}, column {column}.")
            raise ValidationError(says.format(why=error.msg, line=error.lineno, column=error.colno)) from error
        except (ValueError, RecursionError) as error:
            raise ValidationError(gettext("This cannot be read as JSON: {why}.").format(why=error)) from error


class LocationChoices(ModelAdmin[Row]):
    """A row that may be limited to some locations."""

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        field = super().formfield_for_manytomany(db_field, request, **options)
        if field is not None and db_field.name == "limited_to":
            field.label = gettext_lazy("Locations")
            # It writes "Available ..." and "Chosen ..." above its two lists.
            setattr(getattr(field.widget, "widget", field.widget), "verbose_name", gettext_lazy("locations"))  # noqa: B010
        return field


class ReadOnlyAdmin(ModelAdmin[Any]):
    """Shown, and changed by nobody here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class AuditedAdmin(ModelAdmin[Row]):
    """Rows that Django saves itself: what is added, changed and deleted is written to the audit trail here."""

    save_on_top = True
    audit_kind: ObjectKind
    audit_code: str  # "User", as in UserAdded

    def save_model(self, request: HttpRequest, obj: Row, form: Any, change: bool) -> None:
        if change:
            self.keep_before(request, obj)
        super().save_model(request, obj, form, change)

    def keep_before(self, request: HttpRequest, obj: Row) -> None:
        """Keep the row as it is in the database, for the audit trail."""
        request.META[_BEFORE] = _columns(type(obj)._default_manager.get(pk=obj.pk))

    def log_addition(self, request: HttpRequest, obj: Row, message: Any) -> LogEntry:
        self._write("Added", obj, now(), after=_columns(obj))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Row, message: Any) -> LogEntry:
        if before := request.META.pop(_BEFORE, None):  # a new password alone is written by whoever hears of all of them
            self._write("Changed", obj, now(), before, _columns(type(obj)._default_manager.get(pk=obj.pk)))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Row]) -> list[LogEntry]:
        for row in queryset:
            self._write("Deleted", row, now(), before=_columns(row))
        return super().log_deletions(request, queryset)

    def _write(self, done: str, row: Row, at: datetime, before: Any = None, after: Any = None) -> None:
        says = f"{done} the {self.audit_kind} {row}."
        code, kind, path = f"{self.audit_code}{done}", self.audit_kind, str(row)
        audit.write_entry(code, kind, path, says, now=at, before=before, after=after, object_id=row.pk)


_BEFORE = "rollgrid.before"


def _columns(row: Model) -> dict[str, Any]:
    """What a person sees of it, with the names of what it is linked to."""
    columns = {field.name: field.value_from_object(row) for field in row._meta.concrete_fields if not field.primary_key}
    columns.pop("last_login", None)
    linked = {field.name: sorted(map(str, getattr(row, field.name).all())) for field in row._meta.many_to_many}
    return {**columns, **linked}


class CommandAdmin(ModelAdmin[Any]):
    """A form that is saved by a command.

    What the command refuses is undone, and the form is shown again with the refusal at its field. `fields_of_targets` says which field
    that is (by the last word of the refusal's target).
    """

    save_on_top = True
    fields_of_targets: Mapping[str, str] = {}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        try:
            return super().changeform_view(request, *args, **options)
        except Refused as refusal:  # the transaction around the view is undone
            request.META[_REFUSAL] = refusal
            return super().changeform_view(request, *args, **options)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any) -> Any:
        """Django gives a new row's first control the focus: that is to be its first field, not a button above it."""
        answer = super().render_change_form(request, context, *args, **options)
        if options.get("add"):
            answer.context_data["save_on_top"] = False  # type: ignore[attr-defined]  # it is a TemplateResponse
        return answer

    def get_form(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        form = super().get_form(request, *args, **options)
        refusal = request.META.get(_REFUSAL)
        return _refusing(form, refusal, self.fields_of_targets) if refusal else form

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The command has done that too."""


_REFUSAL = "rollgrid.refusal"


def _refusing(form: type[ModelForm[Any]], refusal: Refused, fields: Mapping[str, str]) -> type:
    """A form of the same kind that answers with the refusal."""

    class Refusing(form):  # type: ignore[valid-type, misc]
        def clean(self) -> Any:
            cleaned = super().clean()
            field = fields.get(refusal.target.rpartition(".")[2].lower())
            self.add_error(field if field in self.fields else None, refusal.sentence)
            return cleaned

    return Refusing


def ask(
    page: ModelAdmin[Any],
    request: HttpRequest,
    rows: QuerySet[Any],
    action: str,
    title: str,
    form: forms.Form,
    *,
    says: Sequence[str] = (),
    lead: str = "",
    note: str = "",
) -> HttpResponse:
    """The page between choosing rows and acting on them; it names them, or `says` more of them. It sends the same action again, with
    `agreed`. `lead`: what the list is, where it is not all that are chosen."""
    across = request.POST.get("select_across") == "1"
    chosen = request.POST.getlist("_selected_action")
    context = {
        **page.admin_site.each_context(request),
        "opts": page.model._meta,
        "title": title,
        "action": action,
        "form": form,
        "across": across,
        "chosen": chosen[:1] if across else chosen,
        "count": rows.count(),
        "lead": lead,
        "note": note,
        "shown": says[:MAX_SHOWN] or rows[:MAX_SHOWN],
        "has_more": (len(says) or rows.count()) > MAX_SHOWN,
    }
    return TemplateResponse(request, "admin/upgrades/ask.html", context)


def each(
    request: HttpRequest,
    commands: Iterable[tuple[str, Callable[[], object]]],
    done: str,
    form: forms.Form | None = None,
) -> bool:
    """Does these one by one; says what was done, and of each refusal why. False where a field of the form was refused."""
    finished = []
    for name, command in commands:
        try:
            command()
            finished.append(name)
        except Refused as refusal:
            if form and refusal.target in form.fields:
                form.add_error(refusal.target, refusal.sentence)
                return False
            messages.error(request, refusal.sentence)
    if finished:
        messages.success(request, f"{done}: {_listed(finished)}.")
    return True


def _listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    shown, more = ", ".join(names[:MAX_NAMED]), len(names) - MAX_NAMED
    if more <= 0:
        return shown
    return ngettext("{names} and {count} more", "{names} and {count} more", more).format(names=shown, count=more)

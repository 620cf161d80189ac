"""Give every model in the back office the same manners: the rules decide, nothing is counted whole, history is read-only."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import JSONField, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin, TabularInline
from unfold.paginator import InfinitePaginator

from access import people
from access.actors import Actor
from access.middleware import actor_of
from access.rules import may_model
from core.errors import DomainError


class Ruled:
    """Let access.rules.MODELS decide who may view, add, change and delete, and nothing else."""

    model: type[Model]

    def _may(self, request: HttpRequest, verb: str) -> bool:
        return may_model(people.roles_of(request.user), self.model._meta.label_lower, verb)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "view")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, "view")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, "change")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, "delete")


class RefusedForm:
    """Mixed into a form that the domain refused: it shows the refusal beside the field that it names."""

    refusal: DomainError

    def clean(self) -> Any:
        super().clean()  # type: ignore[misc]
        named = self.refusal.field or ""
        field = named if named in self.fields else NON_FIELD_ERRORS  # type: ignore[attr-defined]
        raise ValidationError({field: self.refusal.message})


@dataclass(frozen=True)
class JsonText:
    """Show a JSON column as indented text; unfold would colour it with inline styles, which the policy forbids."""

    name: str
    short_description: Any

    @property
    def __name__(self) -> str:  # as Django asks of a function that stands for a column
        return self.name

    def __call__(self, row: Model) -> str:
        text = json.dumps(getattr(row, self.name), indent=2, ensure_ascii=False, cls=DjangoJSONEncoder)
        return format_html('<pre class="whitespace-pre-wrap">{}</pre>', text)


class Bounded(InfinitePaginator):
    """Know "previous" and "next" only, for SELECT count(*) over a hundred million events takes minutes; and end after 2,000 pages.

    What lies deeper is passed over row by row; it is found by the filters.
    """

    count = 100_000


class BackOfficeAdmin(Ruled, ModelAdmin):
    """A model in the back office, read-only unless `editable` names fields (and `made_with` others, for a new row).

    Where fields are editable the subclass overrides `create` and `update`, which call the domain's verbs: the admin never saves a
    row by itself.  ordering must be served by an index.
    """

    made_with: Sequence[str] = ()
    editable: Sequence[str] = ()
    shown: Sequence[str] = ()
    paginator: ClassVar[type] = Bounded
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0
    list_filter_submit = True
    list_disable_select_all = True
    show_facets = admin.ShowFacets.NEVER

    def create(self, *, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Model:
        """Make a row by a verb of the domain."""
        raise NotImplementedError

    def update(self, *, row: Model, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Model:
        """Change the fields of a row by a verb of the domain."""
        raise NotImplementedError

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Without a row the question is whether actions may run; with one, whether its form takes anything."""
        return self._may(request, "change") and (obj is None or bool(self.editable))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.made_with or self.editable
        return [self._as_shown(name) for name in self.shown or [field.name for field in self.opts.fields]]

    def _as_shown(self, name: str) -> Any:
        field = None if hasattr(self, name) else self.opts.get_field(name)
        if not isinstance(field, JSONField) or name in self.editable:
            return name
        return JsonText(field.name, field.verbose_name)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [name for name in self.get_fields(request, obj) if name not in self.editable] if obj else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows.select_related(*self.list_select_related) if isinstance(self.list_select_related, tuple) else rows

    def get_ordering(self, request: HttpRequest) -> Any:
        return self.ordering or ("-pk",)

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        actor, now = actor_of(request), timezone.now()
        if change:
            fields = {name: form.cleaned_data[name] for name in form.changed_data}
            saved = self.update(row=obj, fields=fields, actor=actor, now=now)
        else:
            saved = self.create(fields=form.cleaned_data, actor=actor, now=now)
        obj.__dict__.update(saved.__dict__)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Leave nothing to the form: the verb has written everything."""

    def each(self, request: HttpRequest, chosen: QuerySet[Any], verb: Callable[[Any], Any]) -> None:
        """Do what an action does to every chosen row, and say how many it was done to and why not to the others."""
        done = 0
        for row in chosen:
            try:
                verb(row)
                done += 1
            except DomainError as refusal:
                messages.error(request, f"{row}: {refusal.message}")
        if done:
            messages.success(request, ngettext("Done for %(count)d row.", "Done for %(count)d rows.", done) % {"count": done})

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except DomainError as refusal:
            # Nothing was written. The same form again, now with the refusal in it.
            request.refusal = refusal  # type: ignore[attr-defined]
            return super().changeform_view(request, *args, **kwargs)

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        refusal = getattr(request, "refusal", None)
        return type("RefusedForm", (RefusedForm, form), {"refusal": refusal}) if refusal else form

    # What is done here is told by the history tables, which name the actor without a foreign key to people.
    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        return ""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any: ...
    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any: ...
    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any: ...

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        context["show_history"] = hasattr(self.model, "pgh_event_models")
        return super().render_change_form(request, context, *args, **kwargs)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Send to the table of the row's history."""
        tracked = getattr(self.model, "pgh_event_models", None)
        if not tracked or not object_id.isdecimal():
            raise Http404
        history = next(iter(tracked.values()))._meta
        return redirect(reverse(f"admin:{history.app_label}_{history.model_name}_changelist") + f"?pgh_obj={int(object_id)}")


class HistoryAdmin(BackOfficeAdmin):
    """A table of the audit trail: one row for each insert, update and delete, with who did it."""

    list_display: Any = ("pgh_created_at", "pgh_label", "pgh_obj_id", "who")
    list_select_related: Any = ("pgh_context",)
    ordering = ("-pgh_id",)
    list_filter: Any = ("pgh_label",)
    hidden: Sequence[str] = ()

    @admin.display(description=_("By"))
    def who(self, row: Any) -> str:
        if row.pgh_context is None:
            return "–"
        metadata = row.pgh_context.metadata
        return f"{metadata.get('actor_kind', '?')}:{metadata.get('actor_id', '?')}"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        hidden = {"pgh_obj", "pgh_context", *self.hidden}
        return ["who", *(self._as_shown(field.name) for field in self.opts.fields if field.name not in hidden)]


class RowsInline(Ruled, TabularInline):
    """Rows that belong to another, shown under it, read-only."""

    extra = 0
    per_page = 50
    can_delete = False
    show_change_link = True
    ordering_by: Sequence[str] = ("pk",)
    related: Sequence[str] = ()

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related(*self.related).order_by(*self.ordering_by)

"""Give every model in the back office the same manners: the rules decide, nothing is counted whole, history is read-only."""

from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator

from access import people
from access.rules import may_model


class BackOfficeAdmin(ModelAdmin):
    """A model in the back office.

    Who may view, add, change and delete stands in access.rules.MODELS, and nowhere else; where nobody may change, every field is
    shown read-only. Subclasses name columns, searches and filters, and write by the domain's verbs (save_model).
    """

    # SELECT count(*) over a hundred million events takes minutes; this one only knows "previous" and "next".
    paginator = InfinitePaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0
    list_filter_submit = True
    compressed_fields = True

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "view")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, "view")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, "change")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, "delete")

    def _may(self, request: HttpRequest, verb: str) -> bool:
        return may_model(people.roles_of(request.user), self.opts.label_lower, verb)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).order_by(*(self.ordering or ("-pk",)))

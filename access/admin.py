"""Show people, keys, locked log-ins, and what is true of the whole deployment, in the back office."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter
from unfold.forms import AdminPasswordChangeForm, UserCreationForm

from access import keys, users
from access.actors import Actor
from access.backoffice import BackOfficeAdmin, HistoryAdmin
from access.models import ApiKey, ApiKeyHistory, RoleHistory, User, UserHistory  # type: ignore[attr-defined]
from core.models import BillingDay, Deployment

# Roles are made by a migration and judged by access.rules: Django's own groups and permissions have no say.
admin.site.unregister(Group)


@admin.register(Deployment)
class DeploymentAdmin(BackOfficeAdmin):
    list_display = ("business_id", "billing_time_zone", "log_epoch", "created_at")


@admin.register(BillingDay)
class BillingDayAdmin(BackOfficeAdmin):
    list_display = ("date", "starts_at", "ends_at")
    ordering = ("-date",)
    list_filter = (("starts_at", RangeDateTimeFilter),)


@admin.register(User)
class UserAdmin(BackOfficeAdmin, DjangoUserAdmin):
    """People are let in and given roles here; nobody is deleted, a person who left is made inactive."""

    list_display = ("username", "email", "public_id", "is_active", "last_login")
    list_filter = ("is_active", "groups")
    search_fields = ("username__icontains", "email__icontains", "public_id__startswith")
    ordering = ("username",)
    editable = ("username", "first_name", "last_name", "email", "is_active", "groups")
    shown = (*editable, "public_id", "last_login", "date_joined")
    fieldsets = None
    add_fieldsets = ((None, {"fields": ("username", "email", "groups", "usable_password", "password1", "password2")}),)
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    filter_horizontal = ()
    readonly_fields = ()

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return self.add_fieldsets if obj is None else ((None, {"fields": self.shown}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("public_id", "last_login", "date_joined") if obj else ()

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return super().formfield_for_manytomany(db_field, request, **{**kwargs, "widget": CheckboxSelectMultiple()})

    def create(self, *, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Model:
        own = {name: content for name, content in fields.items() if name in users.CHANGEABLE}
        return users.create(fields=own, roles=_names(fields["groups"]), password=fields["password1"], actor=actor)

    def update(self, *, row: Any, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Model:
        own = {name: content for name, content in fields.items() if name in users.CHANGEABLE}
        roles = _names(fields["groups"]) if "groups" in fields else None
        return users.update(user=row, fields=own, roles=roles, actor=actor)


def _names(groups: QuerySet[Group]) -> list[str]:
    return [group.name for group in groups]


@admin.register(ApiKey)
class ApiKeyAdmin(BackOfficeAdmin):
    """Keys are made where their secret can be shown once: on the dashboard, or by create_api_key."""

    list_display = ("name", "public_id", "scope", "secret_hint", "created_at", "latest_used_at", "revoked_at")
    list_filter = ("scope", ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("name__icontains", "public_id__startswith", "secret_hint__startswith")
    shown = ("public_id", "name", "scope", "secret_hint", "created_at", "created_by", "latest_used_at", "revoked_at")
    actions = ("revoke",)

    @admin.action(description=_("Revoke for ever"), permissions=["change"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiKey]) -> None:
        self.each(request, chosen, lambda key: keys.revoke(key=key, now=timezone.now()))


@admin.register(AccessAttempt)
class AccessAttemptAdmin(BackOfficeAdmin):
    """Wrong passwords; deleting one lets its sender try again at once."""

    list_display = ("username", "ip_address", "failures_since_start", "attempt_time")
    shown = ("username", "ip_address", "user_agent", "failures_since_start", "attempt_time")
    search_fields = ("username__startswith", "ip_address__startswith")


@admin.register(UserHistory)
class UserHistoryAdmin(HistoryAdmin):
    list_filter = ("pgh_label", ("pgh_obj", AutocompleteSelectFilter))


@admin.register(RoleHistory)
class RoleHistoryAdmin(HistoryAdmin):
    """Who gave or took which role."""

    list_display = ("pgh_created_at", "pgh_label", "user", "group", "who")
    list_select_related = ("pgh_context", "user", "group")


@admin.register(ApiKeyHistory)
class ApiKeyHistoryAdmin(HistoryAdmin):
    list_filter = ("pgh_label", ("pgh_obj", AutocompleteSelectFilter))

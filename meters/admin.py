"""Show meters and what they have counted in the back office; describe and archive them there."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateTimeFilter

from access.actors import Actor
from access.backoffice import BackOfficeAdmin, HistoryAdmin, RowsInline
from meters import define
from meters.models import (  # type: ignore[attr-defined]
    Meter,
    MeterActivity,
    MeterBlock,
    MeterHistory,
    MeterQuarter,
    RollPosition,
    UsageBlock,
    UsageDay,
)


class MeterActivityInline(RowsInline):
    model = MeterActivity
    fields = ("during",)
    show_change_link = False


@admin.register(Meter)
class MeterAdmin(BackOfficeAdmin):
    """Meters are made on the dashboard or by the API; what they count stands, what describes them may change here."""

    list_display = ("name", "public_id", "event_name", "aggregation", "over_property", "measurement_unit", "archived_at")
    list_filter = (("aggregation", ChoicesDropdownFilter), ("archived_at", admin.EmptyFieldListFilter))
    search_fields = ("name__icontains", "event_name__startswith", "public_id__startswith")
    editable = ("name", "description", "measurement_unit")
    inlines = (MeterActivityInline,)
    actions = ("archive", "unarchive")

    def update(self, *, row: Any, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Model:
        return define.describe(meter=row, now=now, **fields)

    @admin.action(description=_("Archive: count no further events"), permissions=["change"])
    def archive(self, request: HttpRequest, chosen: QuerySet[Meter]) -> None:
        self.each(request, chosen, lambda meter: define.archive(meter=meter, now=timezone.now()))

    @admin.action(description=_("Count events again"), permissions=["change"])
    def unarchive(self, request: HttpRequest, chosen: QuerySet[Meter]) -> None:
        self.each(request, chosen, lambda meter: define.unarchive(meter=meter, now=timezone.now()))


@admin.register(MeterActivity)
class MeterActivityAdmin(BackOfficeAdmin):
    list_display = ("meter", "during")
    list_select_related = ("meter",)
    list_filter = (("meter", AutocompleteSelectFilter),)


@admin.register(UsageDay)
class UsageDayAdmin(BackOfficeAdmin):
    list_display = ("meter", "customer", "day", "event_count", "quantity_sum", "quantity_max", "latest_quantity")
    list_select_related = ("meter", "customer", "day")
    list_filter = (("meter", AutocompleteSelectFilter), ("customer", AutocompleteSelectFilter))


@admin.register(MeterQuarter)
class MeterQuarterAdmin(BackOfficeAdmin):
    list_display = ("meter", "starts_at", "event_count", "quantity_sum", "quantity_max", "latest_quantity")
    list_select_related = ("meter",)
    list_filter = (("meter", AutocompleteSelectFilter), ("starts_at", RangeDateTimeFilter))


@admin.register(MeterBlock)
class MeterBlockAdmin(BackOfficeAdmin):
    list_display = ("meter", "first_day", "end_day", "is_added_up", "changed_at")
    list_select_related = ("meter",)
    list_filter = (("meter", AutocompleteSelectFilter), "is_added_up")


@admin.register(UsageBlock)
class UsageBlockAdmin(BackOfficeAdmin):
    list_display = ("block", "customer", "event_count", "quantity_sum", "quantity_max", "latest_day")
    list_select_related = ("block", "customer")
    list_filter = (("customer", AutocompleteSelectFilter),)


@admin.register(RollPosition)
class RollPositionAdmin(BackOfficeAdmin):
    list_display = ("id", "meter", "log_epoch", "log_xid", "log_arrival", "rolled_at", "failed_at")
    list_select_related = ("meter",)


@admin.register(MeterHistory)
class MeterHistoryAdmin(HistoryAdmin):
    list_display = ("pgh_created_at", "pgh_label", "name", "event_name", "who")
    list_filter = ("pgh_label", ("pgh_obj", AutocompleteSelectFilter))

"""Show meters and what they have counted in the back office."""

from django.contrib import admin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateTimeFilter

from access.backoffice import BackOfficeAdmin, HistoryAdmin, RowsInline
from meters.models import Meter, MeterActivity, MeterHistory, MeterQuarter, RollPosition, UsageDay  # type: ignore[attr-defined]


class MeterActivityInline(RowsInline):
    model = MeterActivity
    fields = ("during",)
    show_change_link = False


@admin.register(Meter)
class MeterAdmin(BackOfficeAdmin):
    list_display = ("name", "public_id", "event_name", "aggregation", "over_property", "measurement_unit", "archived_at")
    list_filter = (("aggregation", ChoicesDropdownFilter), ("archived_at", admin.EmptyFieldListFilter))
    search_fields = ("name__icontains", "event_name__startswith", "public_id__startswith")
    inlines = (MeterActivityInline,)


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


@admin.register(RollPosition)
class RollPositionAdmin(BackOfficeAdmin):
    list_display = ("id", "meter", "log_epoch", "log_xid", "log_arrival", "rolled_at", "failed_at")
    list_select_related = ("meter",)


@admin.register(MeterHistory)
class MeterHistoryAdmin(HistoryAdmin):
    list_display = ("pgh_created_at", "pgh_label", "name", "event_name", "who")
    list_filter = ("pgh_label", ("pgh_obj", AutocompleteSelectFilter))

"""Show long work in the back office; it is started and cancelled where it belongs."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateTimeFilter

from access.backoffice import BackOfficeAdmin, RowsInline
from jobs.models import Job, JobFile, JobFileChunk


class JobFileInline(RowsInline):
    model = JobFile
    fields = ("name", "content_type", "size")


@admin.register(Job)
class JobAdmin(BackOfficeAdmin):
    list_display = ("public_id", "kind", "status", "progress_done", "progress_total", "created_at", "finished_at", "created_by")
    list_filter = (("status", ChoicesDropdownFilter), ("created_at", RangeDateTimeFilter))
    search_fields = ("public_id__startswith", "kind__startswith")
    inlines = (JobFileInline,)


@admin.register(JobFile)
class JobFileAdmin(BackOfficeAdmin):
    list_display = ("name", "job", "content_type", "size")
    list_select_related = ("job",)
    list_filter = (("job", AutocompleteSelectFilter),)
    search_fields = ("name__startswith", "job__public_id__startswith")


@admin.register(JobFileChunk)
class JobFileChunkAdmin(BackOfficeAdmin):
    """Pieces are listed without their bodies, which may be a megabyte each."""

    list_display = ("file", "number")
    list_select_related = ("file",)
    list_filter = (("file", AutocompleteSelectFilter),)
    shown = ("file", "number")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("body")

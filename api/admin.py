"""Show in the back office what the API remembers between two requests."""

from django.contrib import admin

from access.backoffice import BackOfficeAdmin
from api.models import PageEnd


@admin.register(PageEnd)
class PageEndAdmin(BackOfficeAdmin):
    list_display = ("id", "expires_at")
    ordering = ("-expires_at",)

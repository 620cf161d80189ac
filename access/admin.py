"""Show users, keys and locked log-ins in the back office."""

from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.auth.models import Group

from access.backoffice import BackOfficeAdmin

# Roles are made by a migration and judged by access.rules: Django's own groups and permissions have no say.
admin.site.unregister(Group)


@admin.register(AccessAttempt)
class AccessAttemptAdmin(BackOfficeAdmin):
    """Wrong passwords; deleting one lets its sender try again at once."""

    list_display = ("username", "ip_address", "failures_since_start", "attempt_time")
    fields = ("username", "ip_address", "user_agent", "failures_since_start", "attempt_time")
    search_fields = ("username__startswith", "ip_address__startswith")

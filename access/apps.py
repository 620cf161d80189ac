"""Register the access app, and the back office that obeys its rules, with Django."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.utils.translation import gettext_lazy as _


class AccessConfig(AppConfig):
    default = True  # of this module
    default_auto_field = "django.db.models.BigAutoField"
    name = "access"
    verbose_name = _("Access")


class BackOfficeConfig(admin_apps.AdminConfig):
    """Stands in for django.contrib.admin in INSTALLED_APPS."""

    default = False
    default_site = "access.site.TallybookAdminSite"

"""Register the project's own commands with Django."""

from django.apps import AppConfig


class BillingProjectConfig(AppConfig):
    name = "billing_project"

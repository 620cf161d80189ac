"""Serve the whole product as a plain WSGI application."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing_project.settings")

application = get_wsgi_application()  # before anything that needs the settings

from django.conf import settings  # noqa: E402

from billing_project.checks import refuse_misconfiguration  # noqa: E402
from core import database  # noqa: E402

database.limit_statements(settings.PAGE_STATEMENT_SECONDS)
refuse_misconfiguration()

"""Start Celery for workers and beat; every task may run twice, late, or on two workers at once."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing_project.settings")

app = Celery("tallybook")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

"""The usual way to write such an endpoint, to be measured beside ours: DRF serializer, bulk_create with ignore_conflicts.

Run by granian as a WSGI application of its own; DATABASE_URL names the database, where the table is made on the first start.
It asks for an API key and for the customers as such an endpoint would, by a query each. It tells no conflicts and keeps nothing of what it
refuses: less than what it is compared with.
"""

import hashlib
import os
from typing import Any

import django
import environ
from django.conf import settings

settings.configure(
    SECRET_KEY="benchmark",  # noqa: S106
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["rest_framework"],
    DATABASES={"default": environ.Env.db_url_config(os.environ["DATABASE_URL"]) | {"CONN_MAX_AGE": None}},
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "UNAUTHENTICATED_USER": None,
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
    USE_TZ=True,
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.authentication import BaseAuthentication  # noqa: E402
from rest_framework.exceptions import AuthenticationFailed  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


class ReferenceEvent(models.Model):
    """A table in the usual style, with the indexes that ours has for the same readers."""

    event_id = models.CharField(max_length=255, unique=True)
    customer_id = models.CharField(max_length=255)
    event_name = models.CharField(max_length=255)
    timestamp = models.DateTimeField()
    metadata = models.JSONField()

    class Meta:
        app_label = "reference"
        db_table = "benchmark_reference_event"
        indexes = [
            models.Index(fields=["event_name", "customer_id", "timestamp"], name="reference_by_all"),
            models.Index(fields=["event_name", "timestamp"], name="reference_by_name"),
        ]


class Key(models.Model):
    """The product's own table of keys."""

    secret_hash = models.BinaryField(max_length=32)
    revoked_at = models.DateTimeField(null=True)
    is_authenticated = True

    class Meta:
        app_label = "reference"
        db_table = "access_apikey"
        managed = False


class Customer(models.Model):
    """The product's own table of customers."""

    public_id = models.CharField(max_length=40)

    class Meta:
        app_label = "reference"
        db_table = "customers_customer"
        managed = False


class KeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Key, None]:
        secret = request.headers.get("Authorization", "").removeprefix("Bearer ")
        key = Key.objects.filter(secret_hash=hashlib.sha256(secret.encode()).digest(), revoked_at=None).first()
        if key is None:
            raise AuthenticationFailed
        return key, None


class EventSerializer(serializers.Serializer):
    event_id = serializers.CharField(max_length=255)
    customer_id = serializers.CharField(max_length=255)
    event_name = serializers.CharField(max_length=255)
    timestamp = serializers.DateTimeField()
    metadata = serializers.DictField()


class RequestSerializer(serializers.Serializer):
    events = EventSerializer(many=True)

    def validate_events(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        wanted = {event["customer_id"] for event in events}
        if Customer.objects.filter(public_id__in=wanted).count() < len(wanted):
            raise serializers.ValidationError("unknown customer")
        return events


class Ingest(APIView):
    authentication_classes = [KeyAuthentication]

    def post(self, request: Request) -> Response:
        serializer = RequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        events = [ReferenceEvent(**fields) for fields in serializer.validated_data["events"]]
        ReferenceEvent.objects.bulk_create(events, ignore_conflicts=True)
        return Response({"ingested_count": len(events)})


def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"{}", content_type="application/json")


urlpatterns: list[Any] = [path("ingest", Ingest.as_view()), path("empty", empty)]


def make_table() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('benchmark_reference_event')")
        if cursor.fetchone() == (None,):
            with connection.schema_editor() as editor:
                editor.create_model(ReferenceEvent)


make_table()
application = get_wsgi_application()

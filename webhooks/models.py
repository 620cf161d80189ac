"""The outbox of messages and their delivery to endpoints (Standard Webhooks); knows no domain."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.exact_json import ExactDecoder, ExactEncoder
from core.fields import PublicIdField
from core.history import append_only, tracked


@tracked("WebhookEndpointHistory", exclude=["secret"])
class WebhookEndpoint(models.Model):
    """An address that is told what happened; an empty filter means everything."""

    public_id = PublicIdField(prefix="whk")
    url = models.URLField(max_length=500)
    description = models.CharField(max_length=200, blank=True)
    secret = models.CharField(max_length=100, editable=False)
    filter_types = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    headers = models.JSONField(default=dict, blank=True)
    metadata = models.JSONField(default=dict, blank=True, encoder=ExactEncoder, decoder=ExactDecoder)
    rate_limit = models.IntegerField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name = _("webhook endpoint")

    def __str__(self) -> str:
        return self.url


class WebhookMessage(models.Model):
    """Something that happened, written in the transaction in which it happened; `cause` makes it happen once."""

    public_id = PublicIdField(prefix="msg")
    event_type = models.CharField(max_length=60)
    cause = models.CharField(max_length=200, unique=True)
    payload = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("webhook message")
        triggers = append_only("webhook_message")

    def __str__(self) -> str:
        return f"{self.event_type} {self.public_id}"


class DeliveryStatus(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Given up")


class WebhookDelivery(models.Model):
    """One message on its way to one endpoint; due at next_attempt_at while waiting."""

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT)
    message = models.ForeignKey(WebhookMessage, on_delete=models.PROTECT)
    status = models.CharField(max_length=10, choices=DeliveryStatus, default=DeliveryStatus.WAITING)
    attempt_count = models.IntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "message"], name="webhook_delivery_once"),
            models.CheckConstraint(
                condition=~models.Q(status=DeliveryStatus.WAITING) | models.Q(next_attempt_at__isnull=False),
                name="webhook_delivery_waiting_is_due",
            ),
        ]
        indexes = [
            models.Index(fields=["next_attempt_at", "id"], name="webhook_delivery_due", condition=models.Q(status="waiting")),
            # The front of one endpoint's queue, however long that of another is.
            models.Index(
                fields=["endpoint", "next_attempt_at", "id"], name="webhook_delivery_next", condition=models.Q(status="waiting")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} → {self.endpoint_id}"


class WebhookAttempt(models.Model):
    """One try to deliver, with what the endpoint answered."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.PROTECT, related_name="attempts")
    attempted_at = models.DateTimeField()
    duration_ms = models.IntegerField()
    response_status = models.IntegerField(null=True, blank=True)
    response_excerpt = models.TextField(blank=True)
    error = models.TextField(blank=True)

    class Meta:
        verbose_name = _("webhook attempt")
        triggers = append_only("webhook_attempt")

    def __str__(self) -> str:
        return f"{self.delivery_id} {self.attempted_at:%Y-%m-%d %H:%M:%S}"

"""People and API keys that may use the product."""

import pghistory
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.fields import PublicIdField
from core.history import named, never_deleted, tracked

LONGEST_NAME = 100  # of a key


@tracked("UserHistory", exclude=["last_login"], secret=["password"])
class User(AbstractUser):
    """A person who signs in to the dashboard; the groups owner, operator, finance and viewer say what for."""

    public_id = PublicIdField(prefix="usr")

    class Meta(AbstractUser.Meta):
        verbose_name = _("user")  # type: ignore[assignment]
        verbose_name_plural = _("users")  # type: ignore[assignment]


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.DeleteEvent(),
    model_name="RoleHistory",
    obj_field=None,
    meta=named(_("roles of users")),
)
class UserRole(User.groups.through):  # type: ignore[name-defined]
    """A user's membership in a group, named so that history can be kept of it."""

    class Meta:
        proxy = True
        verbose_name = _("role of a user")

    def __str__(self) -> str:
        return f"{self.user_id}/{self.group_id}"


class Scope(models.TextChoices):
    """What a key may do; write includes read and ingest."""

    INGEST = "ingest", _("Ingest events")
    READ = "read", _("Read")
    WRITE = "write", _("Read, write and ingest")


@tracked("ApiKeyHistory", exclude=["secret_hash", "latest_used_at"])
class ApiKey(models.Model):
    """A secret that a customer's server sends as a bearer token; only its SHA-256 is kept."""

    public_id = PublicIdField(prefix="key")
    name = models.CharField(max_length=LONGEST_NAME)
    scope = models.CharField(max_length=10, choices=Scope)
    secret_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    secret_hint = models.CharField(max_length=12, editable=False, help_text=_("The first characters, to tell keys apart."))
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=100, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)
    latest_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        constraints = [
            models.CheckConstraint(condition=models.Q(scope__in=Scope.values), name="api_key_scope_known"),
        ]
        triggers = never_deleted("api_key")

    def __str__(self) -> str:
        return self.name

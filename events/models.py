"""The event log and what hangs on it; nothing here is ever deleted.

Only ingest.py, log.py and the meters' rollup, usage and explain touch the table of events (design 8).
"""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from access.models import ApiKey
from core.exact_json import ExactDecoder, ExactEncoder
from core.fields import SnapshotField, Xid8Field
from core.history import append_only, never_deleted
from customers.models import Customer


class EventName(models.Model):
    """A name that at least one event carried; case-sensitive. Events refer to it by number."""

    id = models.AutoField(primary_key=True)
    name = models.CharField(max_length=500, unique=True, db_collation="C")
    first_received_at = models.DateTimeField()

    class Meta:
        verbose_name = _("event name")
        triggers = never_deleted("event_name")

    def __str__(self) -> str:
        return self.name


class EventProperty(models.Model):
    """One metadata key of one event name as seen by the roller: types, counts, samples (semantics 32)."""

    event_name = models.ForeignKey(EventName, on_delete=models.PROTECT)
    key = models.CharField(max_length=100, db_collation="C")
    string_count = models.BigIntegerField(default=0)
    number_count = models.BigIntegerField(default=0)
    boolean_count = models.BigIntegerField(default=0)
    samples = models.JSONField(default=list)
    latest_at = models.DateTimeField()

    class Meta:
        verbose_name = _("event property")
        verbose_name_plural = _("event properties")
        constraints = [models.UniqueConstraint(fields=["event_name", "key"], name="event_property_unique")]

    def __str__(self) -> str:
        return self.key


class Event(models.Model):
    """One usage event as it was received, for ever.

    key: 16-byte blake2b of event_id, so that the unique index is narrow; event_id itself is compared too.
    arrival: order of arrival, the last tie-break everywhere.  timestamp: when it happened; timestamp_given: the sender said so.
    metadata: flat jsonb, numbers exact.  (log_epoch, log_xid, arrival): its position in the log (semantics 19).
    customer and event_name have no database foreign key: it costs a quarter of the rate; neither is ever deleted.
    The table is made by SQL in the first migration.
    """

    key = models.UUIDField(primary_key=True, editable=False)
    arrival = models.BigIntegerField(editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    timestamp = models.DateTimeField()
    received_at = models.DateTimeField()
    log_xid = Xid8Field(editable=False)
    event_name = models.ForeignKey(EventName, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    log_epoch = models.IntegerField(editable=False)
    timestamp_given = models.BooleanField()
    event_id = models.TextField()
    metadata = models.JSONField(encoder=ExactEncoder, decoder=ExactDecoder)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        triggers = append_only("event")

    def __str__(self) -> str:
        return self.event_id


class EventVoid(models.Model):
    """One act of voiding an event or of taking the void back; an event is void while it has an odd number of them.

    ordinal counts the acts of one event from 1, so that two at the same moment cannot both void it.  job: public id of the job that
    did it with many others, or ''.
    """

    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="voids")
    ordinal = models.SmallIntegerField()
    is_void = models.BooleanField()
    reason = models.TextField()
    replacement = models.ForeignKey(Event, on_delete=models.PROTECT, null=True, blank=True, related_name="replaces")
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=60)
    job = models.CharField(max_length=40, blank=True, default="", db_default="")
    created_at = models.DateTimeField()
    log_epoch = models.IntegerField(db_default=1, editable=False)
    log_xid = Xid8Field(db_default=models.Func(function="pg_current_xact_id", output_field=Xid8Field()), editable=False)

    class Meta:
        verbose_name = _("event void")
        indexes = [
            models.Index(fields=["log_epoch", "log_xid", "id"], name="event_void_by_position"),
            models.Index(fields=["job", "id"], name="event_void_of_job", condition=~models.Q(job="")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["event", "ordinal"], name="event_void_ordinal_unique"),
            models.CheckConstraint(
                condition=models.Q(is_void=True, ordinal__gte=1)
                | models.Q(is_void=False, ordinal__gte=2, replacement__isnull=True),
                name="event_void_replacement_only_on_void",
            ),
        ]
        triggers = append_only("event_void")

    def __str__(self) -> str:
        return f"{self.event_id}/{self.ordinal}"


class ConflictStatus(models.TextChoices):
    OPEN = "open", _("Open")
    DISMISSED = "dismissed", _("Dismissed")
    CORRECTED = "corrected", _("Corrected")


class EventConflict(models.Model):
    """Another content sent under an event_id that was taken; the first stands (semantics 22)."""

    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="conflicts")
    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, null=True, blank=True)
    content_hash = models.BinaryField(max_length=16)
    content = models.JSONField(encoder=ExactEncoder, decoder=ExactDecoder)
    seen_count = models.IntegerField(default=1)
    first_seen_at = models.DateTimeField()
    latest_seen_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=ConflictStatus, default=ConflictStatus.OPEN)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=100, blank=True)
    resolution = models.TextField(blank=True, db_default="", help_text=_("Why it was dismissed or corrected."))
    replacement = models.ForeignKey(Event, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = _("event conflict")
        indexes = [models.Index(fields=["status", "-latest_seen_at"], name="event_conflict_newest")]
        constraints = [models.UniqueConstraint(fields=["event", "content_hash"], name="event_conflict_unique")]
        triggers = never_deleted("event_conflict")

    def __str__(self) -> str:
        return f"{self.event_id} ({self.status})"


class RejectedStatus(models.TextChoices):
    OPEN = "open", _("Open")
    REPLAYED = "replayed", _("Replayed")
    DISMISSED = "dismissed", _("Dismissed")


class ReplayOutcome(models.TextChoices):
    """What became of a refused event when it was sent in again."""

    INGESTED = "ingested", _("Ingested")
    DUPLICATE = "duplicate", _("Duplicate")
    CONFLICT = "conflict", _("Conflict")
    REFUSED = "refused", _("Refused again")


class RefusedRequest(models.Model):
    """A request that a valid key sent and that was refused; its body is kept, compressed, until it is pruned (semantics 24).

    body holds the first megabyte; body_size is the whole, unpacked.  The same key, body and codes again only count up.
    good_count: events without a problem that were refused with it; status is theirs, or that of a request whose events
    cannot be told apart.
    """

    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT)
    fingerprint = models.BinaryField(max_length=16, help_text=_("Hash of the body and the codes."))
    body = models.BinaryField(null=True, blank=True)
    body_size = models.BigIntegerField()
    event_count = models.IntegerField(null=True, blank=True)
    good_count = models.IntegerField(db_default=0)
    http_status = models.SmallIntegerField()
    code = models.CharField(max_length=60)
    message = models.TextField()
    first_received_at = models.DateTimeField()
    latest_received_at = models.DateTimeField()
    seen_count = models.IntegerField(default=1)
    pruned_at = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=RejectedStatus, db_default=RejectedStatus.OPEN)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=100, blank=True, db_default="")

    class Meta:
        verbose_name = _("refused request")
        indexes = [models.Index(fields=["-latest_received_at", "id"], name="refused_request_newest")]
        constraints = [models.UniqueConstraint(fields=["api_key", "fingerprint"], name="refused_request_unique")]

    def __str__(self) -> str:
        return f"{self.code} {self.first_received_at:%Y-%m-%d %H:%M}"


class RefusedCompanions(models.Model):
    """The good events of a request that was refused for others of it, by their keys; kept as long as the request's body."""

    request = models.OneToOneField(RefusedRequest, on_delete=models.CASCADE, primary_key=True, related_name="companions")
    keys = ArrayField(models.UUIDField())

    class Meta:
        verbose_name = _("companions of refused events")
        verbose_name_plural = _("companions of refused events")
        # Read by explain, for an event that was refused without a fault of its own.
        indexes = [GinIndex(fields=["keys"], name="refused_companions_by_key")]

    def __str__(self) -> str:
        return str(self.request)


class RejectedEvent(models.Model):
    """One event of a refused request that had a problem; the first problem gives the code.

    replay_outcome, replay_code: of the latest replay; one that was refused again stays open.
    """

    request = models.ForeignKey(RefusedRequest, on_delete=models.CASCADE, related_name="rejected")
    index = models.IntegerField()
    event_id = models.TextField(blank=True)
    customer_reference = models.TextField(blank=True)
    event_name = models.TextField(blank=True)
    field = models.CharField(max_length=200, blank=True)
    code = models.CharField(max_length=60)
    message = models.TextField()
    status = models.CharField(max_length=10, choices=RejectedStatus, default=RejectedStatus.OPEN)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=100, blank=True)
    replay_outcome = models.CharField(max_length=10, choices=ReplayOutcome, blank=True, db_default="")
    replay_code = models.CharField(max_length=60, blank=True, db_default="")
    replayed_at = models.DateTimeField(null=True, blank=True)
    replayed_by = models.CharField(max_length=100, blank=True, db_default="")

    class Meta:
        verbose_name = _("rejected event")
        indexes = [
            models.Index(fields=["code", "status", "id"], name="rejected_event_by_reason"),
            models.Index(fields=["event_id"], name="rejected_event_by_event_id"),
            # Read by the pages of refused events and the overview: few are open, however many were replayed or dismissed.
            models.Index(fields=["-id"], name="rejected_event_open", condition=models.Q(status="open")),
        ]
        constraints = [models.UniqueConstraint(fields=["request", "index"], name="rejected_event_unique")]

    def __str__(self) -> str:
        return f"{self.code} {self.event_id}"


class DeliveryHour(models.Model):
    """What one key delivered in one UTC hour; never pruned."""

    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT)
    hour = models.DateTimeField()
    accepted_count = models.BigIntegerField(default=0)
    duplicate_count = models.BigIntegerField(default=0)
    conflict_count = models.BigIntegerField(default=0)
    latest_success_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("delivery hour")
        constraints = [models.UniqueConstraint(fields=["api_key", "hour"], name="delivery_hour_unique")]

    def __str__(self) -> str:
        return f"{self.api_key_id} {self.hour:%Y-%m-%d %H}"


class DeliveryRefusal(models.Model):
    """How many events of one key were refused with one code in one UTC hour; never pruned."""

    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT)
    hour = models.DateTimeField()
    code = models.CharField(max_length=60)
    refused_count = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("delivery refusal")
        constraints = [models.UniqueConstraint(fields=["api_key", "hour", "code"], name="delivery_refusal_unique")]

    def __str__(self) -> str:
        return f"{self.api_key_id} {self.hour:%Y-%m-%d %H} {self.code}"


class LogSnapshot(models.Model):
    """Which events one statement saw: those of earlier epochs, and of its own epoch what the snapshot sees (semantics 19)."""

    log_epoch = models.IntegerField()
    snapshot = SnapshotField()
    taken_at = models.DateTimeField()

    class Meta:
        verbose_name = _("log snapshot")
        triggers = append_only("log_snapshot")

    def __str__(self) -> str:
        return f"{self.log_epoch}:{self.snapshot}"

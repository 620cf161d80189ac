"""Those who are billed."""

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.exact_json import ExactDecoder, ExactEncoder
from core.fields import PublicIdField
from core.history import never_deleted, tracked


class PostalAddress(models.Model):
    """A postal address; country is ISO 3166-1 alpha-2."""

    street = models.CharField(max_length=300, blank=True)
    city = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=100, blank=True)
    zipcode = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2, blank=True)

    class Meta:
        abstract = True


@tracked("CustomerHistory")
class Customer(PostalAddress):
    """Someone who is billed.

    Never deleted: events hold its id without a foreign key, invoices for ever. Erasing blanks personal data (semantics 34).
    tax_rate is a fraction (0.18 is 18 %); null means the seller's default.  payment_terms_days likewise.
    """

    public_id = PublicIdField(prefix="cus")
    external_id = models.CharField(max_length=200, unique=True, null=True, blank=True)
    name = models.CharField(max_length=300)
    email = models.EmailField(max_length=320)
    phone_number = models.CharField(max_length=50, blank=True)
    preferred_locale = models.CharField(max_length=10, blank=True)
    metadata = models.JSONField(default=dict, blank=True, encoder=ExactEncoder, decoder=ExactDecoder)
    tax_id = models.CharField(max_length=60, blank=True)
    tax_rate = models.DecimalField(max_digits=7, decimal_places=6, null=True, blank=True, validators=[MinValueValidator(0)])
    payment_terms_days = models.PositiveSmallIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        indexes = [
            models.Index(fields=["email", "id"], name="customer_by_email"),
            models.Index(fields=["-created_at", "id"], name="customer_newest"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(tax_rate__isnull=True) | models.Q(tax_rate__gte=0, tax_rate__lte=1),
                name="customer_tax_rate_is_fraction",
            ),
        ]
        triggers = never_deleted("customer")

    def __str__(self) -> str:
        return self.name

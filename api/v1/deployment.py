"""Tell the ids that the contract puts on everything and that are constant in one deployment."""

from core.models import Deployment


def business_id() -> str:
    """Return the deployment's business_id."""
    return Deployment.objects.values_list("business_id", flat=True).get(id=1)


def brand_id() -> str:
    """Return the deployment's brand_id."""
    return Deployment.objects.values_list("brand_id", flat=True).get(id=1)

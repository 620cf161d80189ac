"""Show webhook endpoints and what they were sent, change them, try them out, send a message again."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.errors import DomainError
from dashboard.paging import page
from dashboard.webhook_forms import EndpointForm
from webhooks import deliver, endpoints, outbox
from webhooks.models import WebhookDelivery, WebhookEndpoint

ENDPOINTS = WebhookEndpoint.objects.filter(deleted_at=None)


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    shown = page(ENDPOINTS.all(), cursor=request.GET.get("cursor"))
    return render(request, "dashboard/webhooks/list.html", {"page": shown})


@require_safe
def detail(request: HttpRequest, public_id: str) -> HttpResponse:
    endpoint = _find(public_id)
    deliveries = WebhookDelivery.objects.filter(endpoint=endpoint).select_related("message").prefetch_related("attempts")
    shown = page(deliveries, cursor=request.GET.get("cursor"))
    rows = [(one, max(one.attempts.all(), key=lambda attempt: attempt.pk, default=None)) for one in shown.items]
    return render(request, "dashboard/webhooks/detail.html", {"endpoint": endpoint, "page": shown, "rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    form = EndpointForm(request.POST or None)
    made = _kept(form, lambda fields: endpoints.create(**fields, now=timezone.now()))
    if made is None:
        return render(request, "dashboard/webhooks/form.html", {"form": form})
    messages.success(request, _("The endpoint is added. Its secret is on this page; try it out with a test message."))
    return redirect("dashboard:webhook", made.public_id)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, public_id: str) -> HttpResponse:
    endpoint = _find(public_id)
    initial = {"url": endpoint.url, "description": endpoint.description, "filter_types": endpoint.filter_types}
    form = EndpointForm(request.POST or None, initial=initial)
    changed = _kept(form, lambda fields: endpoints.update(endpoint=endpoint, fields=fields, now=timezone.now()))
    if changed is None:
        return render(request, "dashboard/webhooks/form.html", {"form": form, "endpoint": endpoint})
    messages.success(request, _("The endpoint is changed."))
    return redirect("dashboard:webhook", public_id)


@never_cache
@require_POST
def secret(request: HttpRequest, public_id: str) -> HttpResponse:
    return render(request, "dashboard/webhooks/secret.html", {"endpoint": _find(public_id)})


@require_POST
def switch(request: HttpRequest, public_id: str) -> HttpResponse:
    endpoint = _find(public_id)
    endpoints.update(endpoint=endpoint, fields={"disabled": endpoint.disabled_at is None}, now=timezone.now())
    return redirect("dashboard:webhook", public_id)


@require_POST
def delete(request: HttpRequest, public_id: str) -> HttpResponse:
    endpoints.delete(endpoint=_find(public_id), now=timezone.now())
    messages.success(request, _("The endpoint is deleted. It is told nothing any more."))
    return redirect("dashboard:webhooks")


@require_POST
def test(request: HttpRequest, public_id: str) -> HttpResponse:
    outbox.tell_one(_find(public_id), now=timezone.now())
    messages.success(request, _("A test message is on its way. Its outcome shows below within a few seconds."))
    return redirect("dashboard:webhook", public_id)


@require_POST
def resend(request: HttpRequest, public_id: str, number: int) -> HttpResponse:
    delivery = get_object_or_404(WebhookDelivery, endpoint=_find(public_id), pk=number)
    try:
        deliver.resend(delivery=delivery, now=timezone.now())
    except deliver.DeliveryWaits as waits:
        messages.info(request, waits.message)
    else:
        messages.success(request, _("The message is sent again within a few seconds."))
    return redirect("dashboard:webhook", public_id)


def _find(public_id: str) -> WebhookEndpoint:
    return get_object_or_404(ENDPOINTS, public_id=public_id)


def _kept(form: EndpointForm, keep: Any) -> WebhookEndpoint | None:
    """Write what a posted form holds; None where there is nothing to write or it was refused, with the reason in the form."""
    if not form.is_bound or not form.is_valid():
        return None
    try:
        kept: WebhookEndpoint = keep(form.cleaned_data)
    except endpoints.UrlNotAllowed as error:
        form.add_error("url", error.message)
    except DomainError as error:
        form.add_error(None, error.message)
    else:
        return kept
    return None

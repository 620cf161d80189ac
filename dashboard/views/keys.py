"""Show API keys, make one and show its secret this once, revoke one."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access import keys
from access.listing import ApiKeyFilter
from access.middleware import actor_of
from access.models import ApiKey
from core.text import NameBlank
from dashboard.forms import KeyForm
from dashboard.views.lists import render_list


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return render_list(
        request,
        "dashboard/keys/list.html",
        ApiKeyFilter(request.GET, queryset=ApiKey.objects.all()),
        controls=("scope", "revoked"),
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    form = KeyForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "dashboard/keys/new.html", {"form": form})
    try:
        key, secret = keys.create(**form.cleaned_data, actor=actor_of(request), now=timezone.now())
    except NameBlank as refusal:
        form.add_error("name", refusal.message)
        return render(request, "dashboard/keys/new.html", {"form": form})
    # The one answer that holds the secret: it is neither stored nor sent again, so there is no page to redirect to.
    return render(request, "dashboard/keys/created.html", {"key": key, "secret": secret})


@require_POST
def revoke(request: HttpRequest, public_id: str) -> HttpResponse:
    key = get_object_or_404(ApiKey, public_id=public_id)
    try:
        keys.revoke(key=key, now=timezone.now())
    except keys.KeyAlreadyRevoked:
        messages.info(request, _("%(name)s was revoked before.") % {"name": key.name})
    else:
        messages.success(request, _("%(name)s is revoked. It is refused everywhere within five seconds.") % {"name": key.name})
    return redirect("dashboard:keys")

"""Try a draft price on the usage of past cycles, and show what it would have charged; nothing is written to the product."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from access.middleware import actor_of
from core.errors import DomainError
from dashboard.price_forms import SimulationForm
from dashboard.product_forms import MeterPriceFormSet, of_meter_price
from invoices import simulate
from invoices.comparing import Tally
from invoices.simulate import Question
from jobs.models import Job, JobStatus
from products import versions
from products.catalogue import PriceInput
from products.models import PriceKind, Product

OPEN = (JobStatus.QUEUED, JobStatus.RUNNING)
SHOWN_MOVERS = 20


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, public_id: str) -> HttpResponse:
    product = get_object_or_404(Product.objects.exclude(price_kind=PriceKind.ONE_TIME), public_id=public_id)
    today = versions.price_of(product.versions.select_related("product").order_by("-number")[0])
    given = request.POST if request.method == "POST" else None
    form = SimulationForm(given, price=today)
    meters = MeterPriceFormSet(given, initial=[of_meter_price(one, today.currency) for one in today.meters], prefix="meters")
    if given is not None and all([form.is_valid(), meters.is_valid()]):
        job = _begin(request, product, form, meters, today)
        if job:
            return redirect("dashboard:price_simulation", public_id, job.public_id)
    usage_based = product.price_kind == PriceKind.USAGE_BASED
    context = {"product": product, "form": form, "meters": meters, "usage_based": usage_based, "currency": today.currency}
    return render(request, "dashboard/products/simulate.html", context)


def _begin(request: HttpRequest, product: Product, form: SimulationForm, meters: Any, today: PriceInput) -> Job | None:
    """Start the job, or say in the forms what is wrong."""
    rows = [one.read(today.currency) for one in meters if one.cleaned_data and not one.cleaned_data["DELETE"]]
    if None in rows:
        form.add_error(None, _("Some rows cannot be read."))
        return None
    price = form.draft(tuple(rows))
    now = timezone.now()
    try:
        question = simulate.ask(product=product, price=price, cycles=form.cleaned_data["cycles"], now=now)
    except DomainError as refusal:
        form.add_error(None, refusal.message)
        return None
    return simulate.begin(question=question, product=product, actor=actor_of(request), now=now)


@require_safe
def result(request: HttpRequest, public_id: str, job_id: str) -> HttpResponse:
    product = get_object_or_404(Product, public_id=public_id)
    job = get_object_or_404(Job, public_id=job_id, kind=simulate.KIND, parameters__product=public_id)
    question, tally = simulate.asked(job.parameters), simulate.found(job.position)
    context = {
        "product": product,
        "job": job,
        "is_open": job.status in OPEN,
        "question": question,
        "tally": tally,
        "file": job.files.filter(name=simulate.FILE).first(),
        **(_shown(question, tally) if tally else {}),
    }
    return render(request, "dashboard/products/simulation.html", context)


def _shown(question: Question, tally: Tally) -> dict[str, Any]:
    bands = [(_(band.label), number) for band, number in tally.distribution()]
    return {
        "movers": tally.movers[:SHOWN_MOVERS],
        "bands": bands,
        "most": max(number for _label, number in bands) or 1,
        "currency": question.currency,
    }

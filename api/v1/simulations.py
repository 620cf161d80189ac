"""Serve simulations of a price: draft terms against the usage of past cycles, as JSON or CSV; nothing is changed."""

from typing import Annotated

import msgspec
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from rest_framework.request import Request

from api.v1 import body, prices, shapes
from api.v1.errors import Refused
from api.v1.job_shapes import JobAnswer, common
from api.v1.lookup import find
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from invoices import simulate
from invoices.comparing import Row, Tally
from invoices.simulate import MOST_CYCLES, Question
from jobs import files
from jobs.models import Job, JobStatus
from products.models import Product


class SimulationCreate(msgspec.Struct, kw_only=True):
    """A draft price, as PATCH /products/{id} would take it, and how many past cycles of each subscription to charge with it."""

    price: prices.Price
    cycles: Annotated[int, msgspec.Meta(ge=1, le=MOST_CYCLES)] = 1


class ChargeChange(msgspec.Struct, kw_only=True):
    """One customer's charges over the cycles, in minor units: under today's terms, under the draft, and the draft less today's."""

    customer_id: str
    name: str
    cycle_count: int
    old_amount: int
    new_amount: int
    difference: int


class ChangeBand(msgspec.Struct, kw_only=True):
    """How many customers' charges change by so much.

    band: down_50 (by half or more), down_20, down_5, down, same, up, up_5, up_20, up_50; from_nothing: nothing was charged before.
    """

    band: str
    customer_count: int


class SimulationAnswer(msgspec.Struct, kw_only=True):
    """What the draft would have charged. Amounts in minor units of the currency, before money credits and tax.

    cycles: as asked for; cycle_count: those found, of all customers.  top_movers: the 50 largest differences, either way.
    """

    product_id: str
    currency: str
    cycles: int
    customer_count: int
    customers_with_a_difference: int
    cycle_count: int
    old_amount: int
    new_amount: int
    difference: int
    distribution: list[ChangeBand]
    top_movers: list[ChargeChange]


class SimulationJob(JobAnswer, kw_only=True):
    """A simulation of many customers that goes on by itself. done: customers compared so far."""


class SimulationOrJob(msgspec.Struct, kw_only=True):
    """The simulation, of a job so far; null before its first step. job: null where the answer took none."""

    simulation: SimulationAnswer | None
    job: SimulationJob | None


class Simulations(Resource):
    """/products/{id}/simulate"""

    @describes("Charge past usage with a draft price", body=SimulationCreate, answer=SimulationOrJob, errors=[400, 404])
    def post(self, request: Request, id: str) -> HttpResponseBase:
        product = find(Product, id)
        wanted = body.decode(request, SimulationCreate)
        question = simulate.ask(product=product, price=prices.wanted(wanted.price), cycles=wanted.cycles, now=self.now)
        if simulate.is_large(question):
            job = simulate.begin(question=question, product=product, actor=self.actor, now=self.now)
            return answer(SimulationOrJob(simulation=None, job=SimulationJob(**common(job))))
        tally, rows = simulate.answer(question)
        if _asks_for_csv(request):
            return HttpResponse(
                "".join(simulate.csv(question, rows)),
                content_type="text/csv; charset=utf-8",
                headers=_attached(product.public_id),
            )
        return answer(SimulationOrJob(simulation=_shown(product.public_id, question, tally), job=None))


class SimulationById(Resource):
    """/products/{id}/simulations/{job_id}"""

    @describes("Retrieve a simulation that is a job", query=shapes.LocaleQuery, answer=SimulationOrJob, errors=[400, 404])
    def get(self, request: Request, id: str, job_id: str) -> HttpResponseBase:
        job = Job.objects.filter(public_id=job_id, kind=simulate.KIND, parameters__product=id).first()
        if job is None:
            raise Refused("SIMULATION_NOT_FOUND", f"There is no such simulation {job_id[:100]} of this product.")
        if _asks_for_csv(request):
            if job.status != JobStatus.DONE:
                raise Refused("SIMULATION_NOT_DONE", "The CSV is there once the job is done; ask again then.")
            content = files.stream(job.files.get(name=simulate.FILE))
            return StreamingHttpResponse(content, content_type="text/csv; charset=utf-8", headers=_attached(id))
        tally = simulate.found(job.position)
        shown = None if tally is None else _shown(id, simulate.asked(job.parameters), tally)
        return answer(SimulationOrJob(simulation=shown, job=SimulationJob(**common(job))))


def _asks_for_csv(request: Request) -> bool:
    return request.headers.get("Accept", "").startswith("text/csv")


def _attached(product_id: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="simulation-{product_id}.csv"'}


def _shown(product_id: str, question: Question, tally: Tally) -> SimulationAnswer:
    return SimulationAnswer(
        product_id=product_id,
        currency=question.currency,
        cycles=question.cycles,
        customer_count=tally.customer_count,
        customers_with_a_difference=tally.differing,
        cycle_count=tally.cycle_count,
        old_amount=tally.old_amount,
        new_amount=tally.new_amount,
        difference=tally.difference,
        distribution=[ChangeBand(band=band.name, customer_count=number) for band, number in tally.distribution()],
        top_movers=[_change(row) for row in tally.movers],
    )


def _change(row: Row) -> ChargeChange:
    return ChargeChange(
        customer_id=row.customer,
        name=row.name,
        cycle_count=row.cycle_count,
        old_amount=row.old_amount,
        new_amount=row.new_amount,
        difference=row.difference,
    )

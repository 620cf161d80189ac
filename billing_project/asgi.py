"""Serve the whole product in one ASGI process: ingest as a raw coroutine, everything else as Django's WSGI application.

Ingest is told by its raw path (semantics.md [27]): POST /api/v1/events%2Fingest is another address. Django's routes for the API go by
the raw path too (api.middleware).
"""

import asyncio
import gc
import os

from a2wsgi import WSGIMiddleware
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing_project.settings")
_django = get_wsgi_application()  # before anything that needs the models

from django.conf import settings  # noqa: E402
from django.core.exceptions import ImproperlyConfigured  # noqa: E402

from api.v1.ingest_asgi import IngestApp, Receive, Scope, Send  # noqa: E402
from billing_project.checks import refuse_misconfiguration  # noqa: E402
from billing_project.overload import AtMost, is_export  # noqa: E402
from core import database  # noqa: E402

INGEST_PATH = b"/api/v1/events/ingest"
EXPORT_THREADS = 2
PAGE_THREADS = max(1, settings.DATABASE_POOL_SIZE - EXPORT_THREADS)  # each may hold a connection of the pool
MOST_WAITING = 25  # requests for each thread
COLLECT_AFTER = (10_000, 20, 20)  # objects, then generations: next to nothing on the way of a request is part of a cycle

database.limit_statements(settings.PAGE_STATEMENT_SECONDS)
pages = AtMost(WSGIMiddleware(_django, workers=PAGE_THREADS), most=MOST_WAITING * PAGE_THREADS)  # type: ignore[arg-type]
exports = AtMost(WSGIMiddleware(_django, workers=EXPORT_THREADS), most=MOST_WAITING * EXPORT_THREADS)  # type: ignore[arg-type]
ingest = IngestApp()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request, or start and end the process's connections."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "http":
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        raw_path = raw_path.partition(b"?")[0]
        if raw_path == INGEST_PATH and scope["method"] == "POST":
            await ingest(scope, receive, send)
        else:
            await (exports if is_export(raw_path) else pages)(scope, receive, send)


def _settle() -> None:
    """Take what is loaded by now for permanent: each full collection would walk all of it, 100 ms during which nothing is answered."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                await asyncio.to_thread(refuse_misconfiguration)
            except ImproperlyConfigured as problem:
                await send({"type": "lifespan.startup.failed", "message": str(problem)})
                return
            await ingest.start()
            _settle()
            await send({"type": "lifespan.startup.complete"})
        else:
            await ingest.end()
            await send({"type": "lifespan.shutdown.complete"})
            return

"""Serve the product on a loopback port from within the test process, for tests that speak real HTTP."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from billing_project.asgi import application, ingest  # noqa: F401 -- tests reach into the coroutine
from billing_project.protocol import Protocol

STARTS_WITHIN_SECONDS = 20


_running: list[str] = []


@contextmanager
def server() -> Iterator[str]:
    """Yield the address of a running server, such as http://127.0.0.1:40001; it uses the test's database.

    Tests must commit for real (django_db with transaction=True), for the server has connections of its own. Entered again while it
    runs it is the same server: one process has one ingest.
    """
    if _running:
        yield _running[0]
        return
    with _served() as address:
        _running.append(address)
        try:
            yield address
        finally:
            _running.clear()


@contextmanager
def _served() -> Iterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    web = uvicorn.Server(uvicorn.Config(application, loop="uvloop", http=Protocol, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=web.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        _wait_for(web)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        web.should_exit = True
        thread.join(timeout=STARTS_WITHIN_SECONDS)
        listener.close()


def _wait_for(web: uvicorn.Server) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while not web.started:
        if time.monotonic() > deadline:
            raise TimeoutError("the server did not start")
        time.sleep(0.01)

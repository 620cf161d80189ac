"""Measure what a web process holds after every page was opened, and how much it grows through a million events.

`python -m benchmarks memory` sends 200,000 events; `python -m benchmarks.memory --events 1000000` the million.
"""

import argparse
import contextlib
import http.client
import http.cookies
import json
import os
import re
import subprocess
import sys
import time
import urllib.parse

import psutil

from benchmarks import load
from benchmarks.bench import Bench, bench, free_port
from benchmarks.figures import show
from benchmarks.ingest import requests, web
from launch.places import CLONE

EVENTS = 200_000
ROUNDS = 3
FEWEST_PAGES = 20
PASSWORD = "a long benchmark password"  # noqa: S105
SETUP = f"""
import django; django.setup()
import json
from django.urls import get_resolver
from django.utils import timezone
from access.models import User
from customers.models import Customer
from events.models import EventName
from meters import define
User.objects.create_superuser("bench", password={PASSWORD!r}, email="bench@example.com")
meter = define.create(name="Tokens", event_name=EventName.objects.order_by("id")[0].name, aggregation="sum", over_property="tokens",
    measurement_unit="token", now=timezone.now())
known = {{"meter": meter.public_id, "customer": Customer.objects.order_by("id")[0].public_id}}
def paths(patterns, before=""):
    for one in patterns:
        route = before + str(one.pattern)
        if hasattr(one, "url_patterns"):
            yield from paths(one.url_patterns, route)
        else:
            yield route
print(json.dumps({{"known": known, "routes": sorted(set(paths(get_resolver().url_patterns)))}}))
"""


def pss(process: subprocess.Popen[bytes]) -> float:
    """Return the proportional set size of a server and its children in MB."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    return sum(member.memory_full_info().pss for member in family) / 1_000_000


class Browser:
    """A session of one person with the web pages, cookies kept."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._cookies: dict[str, str] = {}

    def open(self, path: str, body: dict[str, str] | None = None) -> tuple[int, str]:
        """Fetch a page, or send a form; redirects are not followed."""
        headers = {"Cookie": "; ".join(f"{name}={text}" for name, text in self._cookies.items())}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        text = urllib.parse.urlencode(body) if body is not None else None
        self._connection.request("GET" if body is None else "POST", path, text, headers)
        answer = self._connection.getresponse()
        content = answer.read().decode(errors="replace")
        for header in answer.headers.get_all("Set-Cookie", []):
            self._cookies |= {name: morsel.value for name, morsel in http.cookies.SimpleCookie(header).items()}
        return answer.status, content

    def log_in(self, path: str) -> None:
        """Log in on the page's own form."""
        _status, page = self.open(path)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        fields = {"username": "bench", "password": PASSWORD, "csrfmiddlewaretoken": token[1] if token else ""}
        status, _page = self.open(path, fields)
        if status != 302:
            raise SystemExit(f"logging in at {path} answered {status}")


def addresses(routes: list[str], known: dict[str, str]) -> list[str]:
    """Give the address of every page that needs no argument, or one whose meaning its address tells."""
    found = []
    for route in routes:
        plain = re.sub(r"\\[AZz]|[\^$]", "", route)
        kind = "meter" if plain.startswith("meters/") else "customer" if plain.startswith("customers/") else ""
        if kind:
            plain = re.sub(r"<(?:str|slug):\w+>", known[kind], plain)
        if not re.search(r"[<(?\\]", plain) and "logout" not in plain:
            found.append(f"/{plain}")
    return found


def opened(port: int, one: Bench) -> int:
    """Open every page as its owner a few times; returns how many answered 200."""
    made = subprocess.run(
        [sys.executable, "-c", SETUP], env=one.environment, cwd=CLONE, check=True, stdout=subprocess.PIPE
    ).stdout
    said = json.loads(made)
    browser = Browser(port)
    browser.log_in("/login")
    answered = 0
    for _round in range(ROUNDS):
        answered = sum(browser.open(path)[0] == 200 for path in addresses(said["routes"], said["known"]))
    return answered


def send(port: int, one: Bench, count: int) -> int:
    """Send events in batches of 1000 until so many are accepted; returns how many."""
    sent = 0
    following = requests(one.made, 1000)
    deadline = time.monotonic() + 60 + count / 5000
    while sent < count and time.monotonic() < deadline:
        sent += load.run(port, following, connections=8, seconds=3, warm_up=0).total * 1000
    return sent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    chosen = parser.parse_args() if sys.argv[0].endswith("memory.py") else parser.parse_args([])
    with bench() as one, contextlib.ExitStack() as stack:
        collect = [sys.executable, "-m", "django", "collectstatic", "--noinput", "--verbosity", "0"]
        subprocess.run(collect, env=one.environment, cwd=CLONE, check=True)
        port = free_port()
        process = stack.enter_context(one.serving(web("uvicorn", port), port=port))
        pages = opened(port, one)
        if pages < FEWEST_PAGES:
            raise SystemExit(f"only {pages} pages answered 200")
        before = pss(process)
        show("PSS of a web process after every page", before, "MB", pages=pages)
        sent = send(port, one, chosen.events)
        show(f"growth through {sent} events", pss(process) - before, "MB", baseline="before", baseline_value=before)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing_project.settings")
    main()

"""Name the programs that make up the running product, with their options: for `make run`, and held against the containers by a test."""

import sys


def commands(*, host: str, port: int) -> dict[str, list[str]]:
    """Return the command line of each long-running process by name. host: the address that web listens on."""
    celery = [sys.executable, "-m", "celery", "--app", "billing_project"]
    return {
        "web": [
            *(sys.executable, "-m", "uvicorn", "billing_project.asgi:application"),
            *("--host", host, "--port", str(port)),
            *("--loop", "uvloop", "--http", "billing_project.protocol:Protocol", "--lifespan", "on"),
            *("--no-access-log", "--log-level", "warning"),
        ],
        "worker": [*celery, "worker", "--concurrency", "2", "--loglevel", "INFO"],
        "beat": [*celery, "beat", "--loglevel", "INFO", "--pidfile", ""],
    }

"""The one place that names the web server and its options."""

import sys


def command(port: int) -> list[str]:
    """Return the command line of the web process."""
    return [
        *(sys.executable, "-m", "uvicorn", "billing_project.asgi:application"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning", "--lifespan", "on"),
    ]

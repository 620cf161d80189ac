"""Name every environment variable that the product reads, with its default and its meaning.

docs/settings.md is held against this table by a test; settings.py is its only reader at run time.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

REQUIRED = object()
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
BROKERS = ("redis://", "rediss://", "redis+socket://", "sentinel://")
# A server whose machine has vanished is noticed within about a minute, where libpq would wait for hours; the URL may say otherwise.
NOTICE_A_VANISHED_SERVER = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 30_000}

# A statement is prepared where the code asks for it, and none because it was run so often: its plan may depend on what it is given.
ONLY_WHERE_ASKED = 2**31


class SettingsMissing(Exception):
    """One or more required variables are not set; the message names them all."""


class SettingInvalid(Exception):
    """A variable holds text that cannot be read as its kind, or makes no sense."""


def boolean(text: str) -> bool:
    """Read true/false, yes/no, on/off, 1/0. Raises ValueError."""
    lowered = text.strip().lower()
    if lowered in {"true", "yes", "on", "1"}:
        return True
    if lowered in {"false", "no", "off", "0", ""}:
        return False
    raise ValueError("true or false")


def whole(least: int, most: int) -> Callable[[str], int]:
    """Make what reads a whole number from least to most, both included; it raises ValueError."""

    def read_whole(text: str) -> int:
        number = int(text) if re.fullmatch(r"\s*[0-9]{1,18}\s*", text) else None
        if number is None or not least <= number <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return number

    return read_whole


def level(text: str) -> str:
    """Read the name of a level of logging, in capitals. Raises ValueError."""
    if text.strip().upper() not in LEVELS:
        raise ValueError(f"one of {', '.join(LEVELS)}")
    return text.strip().upper()


def broker(text: str) -> str:
    """Read the address of a broker. Raises ValueError."""
    if not text.startswith(BROKERS):
        raise ValueError(f"an address that begins with one of {', '.join(BROKERS)}")
    return text


def words(text: str) -> list[str]:
    """Split a comma-separated list, dropping blanks."""
    return [word.strip() for word in text.split(",") if word.strip()]


def hosts(text: str) -> list[str]:
    """Read host names. Raises ValueError for one that no request could name: a scheme, a path and a port are no part of it."""
    found = words(text)
    if any("/" in host or (":" in host and (host[0], host[-1]) != ("[", "]")) for host in found):
        raise ValueError("names such as billing.example.com or [::1], without a scheme, a port or a path")
    return found


@dataclass(frozen=True)
class Variable:
    """One environment variable: how its text is read, what stands when it is absent, what it does.

    is_secret: whether the text may hold a password, and is not repeated.
    """

    name: str
    read: Callable[[str], Any]
    default: Any
    meaning: str
    is_secret: bool = False


VARIABLES = (
    Variable("SECRET_KEY", str, REQUIRED, "Signs sessions and tokens. At least 50 random characters, the same on every process."),
    Variable("DATABASE_URL", str, REQUIRED, "PostgreSQL 15 to 18: postgres://user:password@host:5432/name."),
    Variable(
        "REDIS_URL",
        broker,
        "redis://127.0.0.1:6379/0",
        "The broker of background work. Nothing is lost when it is emptied.",
        is_secret=True,
    ),
    Variable("PORT", whole(1, 65_535), 8000, "The port that the web process listens on."),
    Variable("DEVELOPMENT", boolean, False, "Allow plain HTTP, as `make run` does. Never set it on a public host."),
    Variable("ALLOWED_HOSTS", hosts, ["localhost", "127.0.0.1", "[::1]"], "Host names that are served, comma-separated."),
    Variable("CSRF_TRUSTED_ORIGINS", words, [], "Origins with scheme whose forms are accepted behind a proxy, comma-separated."),
    Variable("EVENT_MAX_AGE_DAYS", whole(1, 36_500), 35, "How many days back an event's timestamp may lie when it is received."),
    Variable(
        "INVOICE_GRACE_MINUTES", whole(0, 525_600), 60, "How many minutes a draft waits for late events before it is issued."
    ),
    Variable("HOLD_LATE_USAGE", boolean, False, "Hold usage that came after its invoice until a person approves or waives it."),
    Variable(
        "BILLING_TIME_ZONE", str, "UTC", "The zone whose midnights begin and end billing cycles. Fixed at the first migration."
    ),
    Variable(
        "INVOICE_LOGO",
        str,
        "",
        "The file of the logo on printed invoices: PNG, JPEG, GIF, WebP or SVG. Empty: the seller's name.",
    ),
    Variable(
        "JOURNAL_ACCOUNTS", words, [], "Names of accounts in the journal export, as receivables=1200,tax=1776,revenue.usage=8400."
    ),
    Variable(
        "MAX_BODY_BYTES", whole(1024, 2**30), 10 * 1024 * 1024, "The largest request body in bytes, counted after unpacking."
    ),
    Variable("ROLL_SECONDS", whole(1, 86_400), 5, "How many seconds lie between two rounds of rolling usage up."),
    Variable(
        "DATABASE_POOL_SIZE", whole(3, 1000), 8, "The most database connections that one web process keeps for pages and the API."
    ),
    Variable(
        "PREPARED_STATEMENTS",
        boolean,
        True,
        "Keep plans of the hottest statements on a connection. False behind PgBouncer before 1.21 that pools transactions.",
    ),
    Variable(
        "INGEST_THREADS", whole(1, 100), 4, "Threads with a database connection of their own that write large event batches."
    ),
    Variable(
        "INGEST_QUEUE_EVENTS",
        whole(1000, 10**8),
        50_000,
        "Events that may wait to be written in one web process before it answers 503.",
    ),
    Variable("REFUSED_BODY_DAYS", whole(1, 36_500), 90, "How many days the body of a refused request is kept for its replay."),
    Variable(
        "REFUSED_BODY_MEGABYTES",
        whole(0, 10**9),
        1000,
        "How many megabytes of such bodies are kept, compressed; the oldest go first.",
    ),
    Variable(
        "INGEST_EVENTS_PER_SECOND",
        whole(0, 10**9),
        0,
        "Events a second that one API key may send to one web process before it is answered 429 RATE_LIMITED. 0: no limit.",
    ),
    Variable(
        "WEBHOOK_PRIVATE_ADDRESSES", boolean, False, "Let webhooks go to addresses inside the network, loopback ones included."
    ),
    Variable(
        "PAGE_STATEMENT_SECONDS",
        whole(0, 86_400),
        30,
        "Seconds after which a statement of a page or of the API is given up. 0: never.",
    ),
    Variable("LOG_LEVEL", level, "INFO", "DEBUG, INFO, WARNING or ERROR."),
)


def read(environ: Mapping[str, str]) -> dict[str, Any]:
    """Read every variable, or say all that is missing at once.

    Raises SettingsMissing naming each required variable that is absent, SettingInvalid naming one that cannot be read.
    """
    missing = [v for v in VARIABLES if v.default is REQUIRED and not environ.get(v.name)]
    if missing:
        listed = "\n".join(f"  {v.name}: {v.meaning}" for v in missing)
        raise SettingsMissing(f"Set these environment variables (docs/settings.md lists all):\n{listed}")
    return {v.name: _one(v, environ.get(v.name)) for v in VARIABLES}


def _one(variable: Variable, text: str | None) -> Any:
    if text is None or text == "":
        return variable.default
    try:
        return variable.read(text)
    except ValueError as error:
        given = "" if variable.is_secret else f" is {text!r}, and"
        raise SettingInvalid(f"{variable.name}{given} must be {error}. {variable.meaning}") from error


def database(url: str, *, pool_size: int, prepares: bool) -> dict[str, Any]:
    """Turn a libpq connection URI, as libpq itself reads it, into Django's settings of one database.

    prepares: whether statements may be prepared where the code asks for it.  Raises SettingInvalid.
    """
    try:
        given: dict[str, Any] = dict(conninfo_to_dict(url))
    except ProgrammingError:
        # Without what libpq says, which quotes the password.
        raise SettingInvalid(
            "DATABASE_URL cannot be read. Write it as postgres://user:password@host:5432/name, "
            "with what is neither a letter nor a digit in the password percent-encoded."
        ) from None
    # Compiling a statement costs more than running any of ours.
    given["options"] = f"{given.get('options', '')} -c jit=off".strip()
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": given.pop("dbname", ""),
        "USER": given.pop("user", ""),
        "PASSWORD": given.pop("password", ""),
        "HOST": given.pop("host", ""),
        "PORT": given.pop("port", ""),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,  # the pool would hand out connections that ended with the server
        "OPTIONS": {
            **NOTICE_A_VANISHED_SERVER,
            **given,
            "pool": {"min_size": 0, "max_size": pool_size, "timeout": 10},
            "prepare_threshold": ONLY_WHERE_ASKED if prepares else None,
        },
    }

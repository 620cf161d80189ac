"""Name every environment variable that the product reads, with its default and its meaning.

docs/settings.md is held against this table by a test; settings.py is its only reader at run time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

REQUIRED = object()
# A server whose machine has vanished is noticed within about a minute, where libpq would wait for hours; the URL may say otherwise.
NOTICE_A_VANISHED_SERVER = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 30_000}

# A statement is prepared where the code asks for it, and none because it was run so often: its plan may depend on what it is given.
ONLY_WHERE_ASKED = 2**31


class SettingsMissing(Exception):
    """One or more required variables are not set; the message names them all."""


class SettingInvalid(Exception):
    """A variable holds text that cannot be read as its kind."""


def boolean(text: str) -> bool:
    """Read true/false, yes/no, on/off, 1/0. Raises ValueError."""
    lowered = text.strip().lower()
    if lowered in {"true", "yes", "on", "1"}:
        return True
    if lowered in {"false", "no", "off", "0", ""}:
        return False
    raise ValueError(text)


def words(text: str) -> list[str]:
    """Split a comma-separated list, dropping blanks."""
    return [word.strip() for word in text.split(",") if word.strip()]


@dataclass(frozen=True)
class Variable:
    """One environment variable: how its text is read, what stands when it is absent, what it does."""

    name: str
    read: Callable[[str], Any]
    default: Any
    meaning: str


VARIABLES = (
    Variable("SECRET_KEY", str, REQUIRED, "Signs sessions and tokens. At least 50 random characters, the same on every process."),
    Variable("DATABASE_URL", str, REQUIRED, "PostgreSQL 15 to 18: postgres://user:password@host:5432/name."),
    Variable("REDIS_URL", str, "redis://127.0.0.1:6379/0", "The broker of background work. Nothing is lost when it is emptied."),
    Variable("PORT", int, 8000, "The port that the web process listens on."),
    Variable("DEVELOPMENT", boolean, False, "Allow plain HTTP, as `make run` does. Never set it on a public host."),
    Variable("ALLOWED_HOSTS", words, ["localhost", "127.0.0.1", "[::1]"], "Host names that are served, comma-separated."),
    Variable("CSRF_TRUSTED_ORIGINS", words, [], "Origins with scheme whose forms are accepted behind a proxy, comma-separated."),
    Variable("EVENT_MAX_AGE_DAYS", int, 35, "How many days back an event's timestamp may lie when it is received."),
    Variable("INVOICE_GRACE_MINUTES", int, 60, "How many minutes a draft waits for late events before it is issued."),
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
    Variable("MAX_BODY_BYTES", int, 10 * 1024 * 1024, "The largest request body in bytes, counted after unpacking."),
    Variable("ROLL_SECONDS", int, 5, "How many seconds lie between two rounds of rolling usage up."),
    Variable("DATABASE_POOL_SIZE", int, 8, "The most database connections that one web process keeps for pages and the API."),
    Variable(
        "PREPARED_STATEMENTS",
        boolean,
        True,
        "Keep plans of the hottest statements on a connection. False behind PgBouncer before 1.21 that pools transactions.",
    ),
    Variable("INGEST_THREADS", int, 4, "Threads with a database connection of their own that write large event batches."),
    Variable("INGEST_QUEUE_EVENTS", int, 50_000, "Events that may wait to be written in one web process before it answers 503."),
    Variable("REFUSED_BODY_DAYS", int, 90, "How many days the body of a refused request is kept for its replay."),
    Variable("REFUSED_BODY_MEGABYTES", int, 1000, "How many megabytes of such bodies are kept, compressed; the oldest go first."),
    Variable(
        "INGEST_EVENTS_PER_SECOND",
        int,
        0,
        "Events a second that one API key may send to one web process before it is answered 429 RATE_LIMITED. 0: no limit.",
    ),
    Variable(
        "WEBHOOK_PRIVATE_ADDRESSES", boolean, False, "Let webhooks go to addresses inside the network, loopback ones included."
    ),
    Variable("PAGE_STATEMENT_SECONDS", int, 30, "Seconds after which a statement of a page or of the API is given up. 0: never."),
    Variable("LOG_LEVEL", str, "INFO", "DEBUG, INFO, WARNING or ERROR."),
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
        raise SettingInvalid(f"{variable.name} cannot be read from {text!r}. {variable.meaning}") from error


def database(url: str, *, pool_size: int, prepares: bool) -> dict[str, Any]:
    """Turn a libpq connection URI, as libpq itself reads it, into Django's settings of one database.

    prepares: whether statements may be prepared where the code asks for it.  Raises SettingInvalid.
    """
    try:
        given: dict[str, Any] = dict(conninfo_to_dict(url))
    except ProgrammingError as error:
        raise SettingInvalid(f"DATABASE_URL cannot be read: {error}") from error
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

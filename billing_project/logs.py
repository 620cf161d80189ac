"""Write every log record as one line of JSON on standard error, without secrets.

Requests get one line each when they are finished, with who asked (public id), the status and a request id that all lines share.
"""

import re
from collections.abc import MutableMapping
from typing import Any

import structlog

HIDDEN = "[hidden]"
# What a key is called whose content is never written, and what a secret looks like wherever it stands.
SECRET_NAMES = re.compile(r"pass(word|wd)?$|secret|token|authorization|cookie|csrf|api_?key$|signature", re.IGNORECASE)
SECRETS = re.compile(
    r"tb_[\w-]{16,}"  # our API keys
    r"|whsec_[\w+/=-]{8,}"  # secrets of webhook endpoints
    r"|(?<=Bearer )\S+"
    r"|(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"  # user:password in an address
    r"|(?<=password=)[^\s&'\"]+"
    r"|(?<=token=)[^\s&'\"]+"
    r"|(?<=sessionid=)\w+"
)

Record = MutableMapping[str, Any]


def without_secrets(logger: Any, method: str, record: Record) -> Record:
    """Hide what has a secret's name or looks like one, at any depth."""
    return {name: HIDDEN if SECRET_NAMES.search(name) else _clean(content) for name, content in record.items()}


def _clean(content: Any) -> Any:
    if isinstance(content, str):
        return SECRETS.sub(HIDDEN, content)
    if isinstance(content, dict):
        return without_secrets(None, "", {str(name): inner for name, inner in content.items()})
    if isinstance(content, list | tuple):
        return [_clean(inner) for inner in content]
    return content


# Done for lines of ours and of every library alike. Tracebacks come without local variables: those may hold anything.
COMMON: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
]


def configure(level: str) -> dict[str, Any]:
    """Set structlog up, and give Django's LOGGING for records of this level and above."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *COMMON,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": formatter}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # The request's own line says the same, and who asked.
            "django.request": {"level": "CRITICAL"},
            "axes": {"level": "WARNING"},
        },
    }


def formatter() -> structlog.stdlib.ProcessorFormatter:
    """Make the formatter of every handler."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *COMMON],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            without_secrets,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )

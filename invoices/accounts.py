"""Name the accounts of the journal; it imports no table, so that a check can ask before any is loaded."""

from collections.abc import Iterator

from django.conf import settings

ACCOUNTS = (
    "receivables",
    "wallet",
    "credits",
    "tax",
    "credit_notes",
    "revenue.fixed_fee",
    "revenue.usage",
    "revenue.adjustment",
    "revenue.minimum",
    "revenue.one_time",
)


def names() -> dict[str, str]:
    """Give each account its name in the ledger: its own, or what JOURNAL_ACCOUNTS says."""
    given = dict(one.split("=", 1) for one in settings.JOURNAL_ACCOUNTS)
    return {account: given.get(account, account) for account in ACCOUNTS}


def problems() -> Iterator[str]:
    """Say what is wrong with JOURNAL_ACCOUNTS, a sentence for each entry that would not be obeyed."""
    seen = set()
    for one in settings.JOURNAL_ACCOUNTS:
        account, equals, name = one.partition("=")
        if not equals or not name.strip():
            yield f"JOURNAL_ACCOUNTS has {one!r}, which is not written as account=name."
        elif account not in ACCOUNTS:
            yield f"JOURNAL_ACCOUNTS names {account!r}, which is no account; there are {', '.join(ACCOUNTS)}."
        elif account in seen:
            yield f"JOURNAL_ACCOUNTS names {account!r} twice."
        seen.add(account)

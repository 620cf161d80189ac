"""Make the public ids that the API and the pages show.

# Note [Ids in order of time]
Every id is the key of a unique index. Wholly random ones go to a random page of it each, and every page that is touched is written whole
to the log once after each checkpoint: the larger the table, the more an insert costs. So an id begins with the moment at which it was
made, in digits and capitals only, which every collation sorts alike, and those made together rise: they go to the end of the index.
Nothing but that depends on the clock. The other 17 letters stay random, 101 bits: who knows the ids before and after one, of thousands
made in the same call, has still about 2^90 to try.
"""

import secrets
import time

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTH = 24
# Seven of 36 letters count twentieths of a second since 1970 until 2094, and then begin again.
_MOMENT_LETTERS = 7
_MOMENT_NANOSECONDS = 50_000_000
_RANDOM_LETTERS = LENGTH - _MOMENT_LETTERS
# Four values of a byte stand for each letter; the eight that are left over are dropped, so that no letter is more likely than another.
_LETTERS = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
_LEFT_OVER = bytes(range(256 - 256 % len(ALPHABET), 256))


def public_id(prefix: str) -> str:
    """Make an unguessable id such as cus_ and 24 of [0-9A-Za-z]. See Note [Ids in order of time]."""
    return public_ids(prefix, 1)[0]


def public_ids(prefix: str, count: int) -> list[str]:
    """Make many ids of one prefix at once, ascending, for a tenth of what one by one costs."""
    letters = ""
    while len(letters) < _RANDOM_LETTERS * count:
        letters += secrets.token_bytes(18 * count + 8).translate(_LETTERS, _LEFT_OVER).decode()
    start = f"{prefix}_{_moment()}"
    return sorted([f"{start}{letters[at : at + _RANDOM_LETTERS]}" for at in range(0, _RANDOM_LETTERS * count, _RANDOM_LETTERS)])


def _moment() -> str:
    """Write the time as letters that sort as it goes."""
    left, letters = time.time_ns() // _MOMENT_NANOSECONDS, ""
    for _ in range(_MOMENT_LETTERS):
        left, digit = divmod(left, 36)
        letters = ALPHABET[digit] + letters
    return letters

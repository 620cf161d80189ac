"""Make the public ids that the API and the pages show. PURE."""

import secrets

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTH = 24


def public_id(prefix: str) -> str:
    """Make an unguessable id such as cus_ and 24 of [0-9A-Za-z] (142 bits)."""
    # 256 random bits leave no letter more likely than another by more than 2^-113; drawing them letter by letter takes 30 times as long.
    left = int.from_bytes(secrets.token_bytes(32))
    letters = []
    for _ in range(LENGTH):
        left, letter = divmod(left, len(ALPHABET))
        letters.append(ALPHABET[letter])
    return f"{prefix}_{''.join(letters)}"

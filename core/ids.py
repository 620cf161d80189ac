"""Make the public ids that the API and the pages show. PURE."""

import secrets

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTH = 24


def public_id(prefix: str) -> str:
    """Make an unguessable id such as cus_ and 24 of [0-9A-Za-z] (142 bits)."""
    return prefix + "_" + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))

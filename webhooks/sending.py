"""Send one message to one endpoint: signed by the Standard Webhooks, bounded in time and size, to no address inside the network."""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import httpx
from standardwebhooks import Webhook

# For all of an attempt once the name is looked up: a bound of each step, as httpx has them, would begin anew with every byte that drips.
ATTEMPT_SECONDS = 10
EXCERPT_BYTES = 1000

# Through a translator (RFC 6052) these lead to the IPv4 address in their last 32 bits: where it leads is judged.
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
# All other IPv6 addresses that lead anywhere in public (RFC 4291; IANA has given out no others). Beyond them lie the site-local ones, and
# those that stand for an IPv4 address in ways of old or within one network; within them Teredo's, which do too (RFC 4380).
_UNICAST = ipaddress.ip_network("2000::/3")
_TEREDO = ipaddress.ip_network("2001::/32")
# Public by their numbers, but answered within the data centre: IETF's own (RFC 6890; Oracle's metadata service), and Azure's host.
_WITHIN = tuple(ipaddress.ip_network(each) for each in ("192.0.0.0/24", "168.63.129.16/32"))


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent where, without any tie to the database: parcels are sent from threads."""

    delivery_id: int
    attempt: int
    url: str
    secret: str
    headers: Mapping[str, str]
    message_id: str
    body: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt. status: None where there was no answer, and `error` says why."""

    status: int | None
    excerpt: str
    error: str
    duration_ms: int
    retry_after: int | None = None

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Tell whether the endpoint asks to be sent nothing any more."""
        return self.status == 410


class AddressNotAllowed(Exception):
    """The endpoint's name leads to an address inside the network, or nowhere."""


def send(parcel: Parcel, *, now: datetime, private_addresses: bool) -> Outcome:
    """Post one message and read the beginning of the answer; whatever goes wrong is an outcome. Redirects are not followed."""
    began = time.monotonic()
    try:
        address, extensions, host = _target(parcel.url, private_addresses=private_addresses)
        headers = {**parcel.headers, **signed(parcel, now=now), "Host": host}
        asked = httpx.Request("POST", address, content=parcel.body.encode(), headers=headers, extensions=extensions)
        answer, excerpt = asyncio.run(_answered(asked))
    except Exception as error:  # whatever it is: the outcomes of others wait behind this one
        return Outcome(None, "", f"{type(error).__name__}: {error}"[:500], _since(began))
    text = excerpt.decode(errors="replace").replace("\0", "�")
    return Outcome(answer.status_code, text, "", _since(began), _seconds(answer.headers.get("retry-after", "")))


async def _answered(asked: httpx.Request) -> tuple[httpx.Response, bytes]:
    """Send a request, and read the beginning of its answer. Raises TimeoutError, and what httpx raises."""
    try:
        async with asyncio.timeout(ATTEMPT_SECONDS), httpx.AsyncClient(follow_redirects=False, trust_env=False) as client:
            answer = await client.send(asked, stream=True)
            try:
                return answer, await anext(answer.aiter_raw(EXCERPT_BYTES), b"")
            finally:
                await answer.aclose()
    except TimeoutError as error:
        raise TimeoutError(f"no whole answer within {ATTEMPT_SECONDS} seconds") from error


def signed(parcel: Parcel, *, now: datetime) -> dict[str, str]:
    """Give the headers that prove who sent a message, and when."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "Tallybook",
        "webhook-id": parcel.message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(parcel.secret).sign(parcel.message_id, now, parcel.body),
    }


def _target(url: str, *, private_addresses: bool) -> tuple[str, dict[str, str], str]:
    """Resolve the name once and connect to what was judged, so that a name that changes its mind gains nothing."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    inside = sorted(one for one in found if not _is_outside(one.partition("%")[0]))
    if inside and not private_addresses:
        raise AddressNotAllowed(f"{host} leads to {inside[0]}, which is inside the network. WEBHOOK_PRIVATE_ADDRESSES allows it.")
    chosen = min(found, key=lambda one: (":" in one, one))
    place = f"[{chosen}]" if ":" in chosen else chosen
    address = parts._replace(netloc=f"{place}:{port}", fragment="").geturl()
    return address, {"sni_hostname": host}, parts.netloc


def _is_outside(text: str) -> bool:
    """Tell whether an address is one of the public network; one that carries an IPv4 address is what that one is."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        translated = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _TRANSLATED else None
        carried = address.ipv4_mapped or address.sixtofour or translated
        if carried is not None:
            return _is_outside(str(carried))
        if address not in _UNICAST or address in _TEREDO:
            return False
    return address.is_global and not address.is_multicast and not any(address in network for network in _WITHIN)


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _seconds(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None

"""Soak: kill web, worker and PostgreSQL under retrying clients, and hold what the clients know against what is stored."""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from benchmarks.soak.clients import Client, Known
from benchmarks.soak.deployment import Deployment, deployment

VICTIMS = ("web", "worker", "postgres")


@dataclass
class Report:
    """What happened, and everything that is wrong (nothing, if all is well)."""

    kills: dict[str, int]
    chance_deaths: int
    seconds: float
    requests: dict[str, int]
    acknowledged: int
    resent: int
    retries: int
    voided: int
    refused: int
    conflicting: int
    wrong: list[str]


def run(*, seconds: float, kills: int, clients: int = 8, seed: int = 1) -> Report:
    """Let clients send for so long, kill so many times at random moments, then compare."""
    dice = random.Random(seed)  # noqa: S311 -- chance, not secrecy
    with deployment() as one:
        made = one.inside("setup")
        one.start()
        ended = threading.Event()
        senders = [Client(url=one.url, made=made, number=number, ended=ended, seed=seed) for number in range(clients)]
        began = time.monotonic()
        for sender in senders:
            sender.start()
        killed = _kill_at_random(one, seconds=seconds, kills=kills, dice=dice)
        ended.set()
        while any(sender.is_alive() for sender in senders):
            one.tend_for(0.1)
        took = time.monotonic() - began
        deaths = sum(one.programs[name].deaths for name in ("web", "worker"))
        one.end_programs()
        found = one.inside("check")
    return _report([sender.known for sender in senders], found, killed=killed, deaths=deaths, seconds=took)


def _kill_at_random(one: Deployment, *, seconds: float, kills: int, dice: random.Random) -> Counter[str]:
    """Strike each kind of victim in turn, at a random moment of each of `kills` equal stretches of time."""
    began = time.monotonic()
    killed: Counter[str] = Counter()
    for number in range(kills):
        moment = began + seconds * (number + dice.uniform(0.1, 0.8)) / kills
        one.tend_for(moment - time.monotonic())
        victim = VICTIMS[number % len(VICTIMS)]
        while not one.is_up(victim):
            one.tend_for(0.1)
        one.kill(victim, dice)
        killed[victim] += 1
    one.tend_for(began + seconds - time.monotonic())
    return killed


def _report(known: list[Known], found: dict[str, Any], *, killed: Counter[str], deaths: int, seconds: float) -> Report:
    return Report(
        kills=dict(killed),
        chance_deaths=max(0, deaths - killed["web"] - killed["worker"]),
        seconds=round(seconds, 1),
        requests=dict(sum((one.requests for one in known), Counter())),
        acknowledged=sum(len(one.tokens) for one in known),
        resent=sum(one.resent for one in known),
        retries=sum(one.retries for one in known),
        voided=sum(len(one.void) for one in known),
        refused=sum(len(one.refused) for one in known),
        conflicting=sum(len(one.conflicting) for one in known),
        wrong=[line for one in known for line in one.wrong] + differences(known, found),
    )


def differences(known: list[Known], found: dict[str, Any]) -> list[str]:
    """Compare both ways what the clients were told with what is stored."""
    acknowledged = {event_id for one in known for event_id in one.tokens}
    stored = Counter(found["ids"])
    wrong = _both_ways("acknowledged", acknowledged, "stored", set(stored))
    wrong += [f"stored {count} times: {event_id}" for event_id, count in stored.items() if count != 1]
    wrong += _both_ways("answered as void", {i for one in known for i in one.void}, "void", set(found["void"]))
    wrong += _both_ways(
        "answered as refused", {i for one in known for i in one.refused}, "kept as refused", set(found["refused"])
    )
    wrong += _both_ways(
        "answered as conflict", {i for one in known for i in one.conflicting}, "a conflict", set(found["conflicts"])
    )
    wrong += _wrong_usage(known, found["usage"])
    wrong += [f"usage differs from recomputation: {request}" for request in found["unequal"]]
    counted = len(acknowledged) - len(found["void"])
    if found["rolled"] != counted:
        wrong.append(f"rolled up are {found['rolled']} events of {counted}")
    return wrong


def _both_ways(here: str, told: set[str], there: str, kept: set[str]) -> list[str]:
    wrong = [f"{here}, not {there}: {len(told - kept)}, such as {min(told - kept)}"] if told - kept else []
    return wrong + ([f"{there}, not {here}: {len(kept - told)}, such as {min(kept - told)}"] if kept - told else [])


def _wrong_usage(known: list[Known], usage: dict[str, list[Any]]) -> list[str]:
    sums: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for one in known:
        for event_id in one.tokens.keys() - one.void:
            sums[one.customer[event_id]] += one.tokens[event_id]
            counts[one.customer[event_id]] += 1
    return [
        f"usage of {customer} is {usage[f'sum {customer}']}, sent were {total} in {counts[customer]} events"
        for customer, total in sums.items()
        if usage[f"sum {customer}"] != [str(total), counts[customer]]
    ]

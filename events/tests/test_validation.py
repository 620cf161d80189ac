import hashlib
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import exact_json
from events.judgement import judge, judge_slowly
from events.problems import BodyUnreadable, status, summary
from events.tests.hostile_bodies import HOSTILE
from events.validation import CLOCK_SKEW, Doubt, NumberOutOfRange, fraction, identity, instant, judge_fast, same_content

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AGE = timedelta(days=35)


def body(*events, **kwargs):
    return json.dumps({"events": events}, **kwargs).encode()


def event(event_id="e1", **fields):
    return {"event_id": event_id, "customer_id": "cus_1", "event_name": "api.call"} | fields


def judged(text):
    return judge(text, received_at=NOW, max_age=AGE)


JUDGED = [h for h in HOSTILE if not {"CUSTOMER_NOT_FOUND", "CUSTOMER_ARCHIVED"} & set(h.codes) and h.code != "INVALID_JSON"]


@pytest.mark.parametrize("hostile", JUDGED, ids=lambda h: h.name)
def test_every_hostile_body_is_refused_with_its_codes(hostile):
    problems = judge(hostile.body, received_at=datetime.now(UTC), max_age=AGE).problems

    assert tuple(p.code for p in problems) == hostile.codes
    assert status(problems) == hostile.status
    assert summary(problems)[0] == hostile.code
    assert all(p.message.endswith(".") for p in problems)


@pytest.mark.parametrize("hostile", [h for h in HOSTILE if h.code == "INVALID_JSON"], ids=lambda h: h.name)
def test_what_is_no_json_is_unreadable(hostile):
    with pytest.raises(BodyUnreadable):
        judged(hostile.body)


def test_an_unreadable_body_names_the_byte_at_which_reading_stopped():
    with pytest.raises(BodyUnreadable) as caught:
        judged('{"é": nope}'.encode())

    assert caught.value.offset == 7
    assert "at byte 7" in caught.value.message


@pytest.mark.parametrize("unread", [b'"\xff"', b'"\xed\xa0\x80"', b'{"\xff":1}'])
def test_a_field_that_nobody_reads_must_be_utf_8_too(unread):
    with pytest.raises(BodyUnreadable) as caught:
        judged(b'{"source":%s,' % unread + body(event())[1:])

    assert "not UTF-8 at byte" in caught.value.message


def test_numbers_stay_exact():
    sent = b'{"events":[{"event_id":"e","customer_id":"c","event_name":"n","metadata":{"a":0.10,"b":1e3,"c":%d}}]}' % (10**30 - 1)

    for judging in (judged(sent), judge_slowly(sent, received_at=NOW, max_age=AGE)):
        metadata = exact_json.loads(bytes(judging.events[0].metadata))

        assert str(metadata["a"]) == "0.10"
        assert metadata["b"] == Decimal(1000)
        assert metadata["c"] == 10**30 - 1


def with_number(text):
    return b'{"events":[{"event_id":"e","customer_id":"c","event_name":"n","metadata":{"n":%s}}]}' % text.encode()


@pytest.mark.parametrize(
    "text", ["0." + "1" * 18, "-" + "9" * 20 + "." + "9" * 18, "1e29", "1E-18", "0.000000000000000001", "-0.0"]
)
def test_a_number_at_the_edge_of_the_range_is_read(text):
    assert fraction(text) == Decimal(text)
    assert judge_fast(with_number(text), received_at=NOW, max_age=AGE).events


@pytest.mark.parametrize(
    "text",
    [
        "0." + "1" * 19,
        "1e30",
        "1e-19",
        "9" * 21 + "." + "9" * 18,
        "1e99999999999999999999",
        "1." + "0" * 19,
        "0e-19",
        "0e30",
        "-0e99",
    ],
)
def test_a_number_beyond_the_range_is_refused(text):
    with pytest.raises(NumberOutOfRange):
        fraction(text)
    assert [problem.code for problem in judged(with_number(text)).problems] == ["NUMBER_OUT_OF_RANGE"]


@given(
    digits=st.integers(0, 10**40).map(str),
    point=st.integers(0, 40),
    exponent=st.just("") | st.integers(-60, 60).map("e{}".format),
)
def test_the_fast_path_judges_every_fraction_as_the_slow_one(digits, point, exponent):
    whole, parts = digits[:point].lstrip("0") or "0", digits[point:]
    sent = with_number(f"{whole}.{parts or 0}{exponent}")

    fast = True
    try:
        judge_fast(sent, received_at=NOW, max_age=AGE)
    except Doubt:
        fast = False

    assert fast is not bool(judge_slowly(sent, received_at=NOW, max_age=AGE).problems)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-21T10:00:00Z", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("2026-11-21t10:00:00z", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("2026-11-21 10:00:00", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("2026-11-21T10:00:00.9999999Z", datetime(2026, 11, 21, 10, 0, 0, 999999, tzinfo=UTC)),
        ("2026-11-21T10:00:00.5+05:30", datetime(2026, 11, 21, 4, 30, 0, 500000, tzinfo=UTC)),
    ],
)
def test_a_timestamp_is_read_to_the_microsecond(text, moment):
    assert instant(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T10:00:00.Z",
        "2026-11-21T10:00:00,5Z",
        "2026-11-21T10:00:00ZZ",
        "2026-W47-6T10:00:00Z",
        "2026-11-21T10:00:00+00:60",
    ],
)
def test_another_form_of_a_time_is_refused(text):
    with pytest.raises(ValueError, match="2026"):
        instant(text)


def test_the_window_reaches_from_the_greatest_age_to_five_minutes_ahead():
    edges = [NOW - AGE, NOW + CLOCK_SKEW]
    inside = body(*[event(f"e{n}", timestamp=edge.isoformat()) for n, edge in enumerate(edges)])
    outside = body(
        event("a", timestamp=(edges[0] - timedelta(microseconds=1)).isoformat()),
        event("b", timestamp=(edges[1] + timedelta(microseconds=1)).isoformat()),
    )

    assert len(judged(inside).events) == 2
    assert [p.code for p in judged(outside).problems] == ["TIMESTAMP_TOO_OLD", "TIMESTAMP_IN_FUTURE"]


def test_unknown_fields_are_ignored():
    judgement = judged(b'{"source":{"a":[]},"events":[{"event_id":"e","customer_id":"c","event_name":"n","x":{"y":1}}]}')

    assert [e.event_id for e in judgement.events] == ["e"]
    assert judgement.problems == []


def test_the_same_event_twice_in_a_request_is_one():
    judgement = judged(body(event(metadata={"k": 1}), event(metadata={"k": 1.0}, timestamp=NOW.isoformat())))

    assert len(judgement.events) == len(judgement.repeated) == 1
    assert judgement.problems == []


def test_bad_events_leave_the_good_ones_and_their_places():
    judgement = judged(body(event("a"), event("b", metadata={"k": None}), event("c")))

    assert [e.event_id for e in judgement.events] == ["a", "c"]
    assert judgement.indexes == [0, 2]
    assert judgement.bad_customers == [(1, "b", "cus_1")]
    [problem] = judgement.problems
    assert (problem.index, problem.event_id, problem.field, problem.code) == (1, "b", "metadata.k", "NULL_VALUE")
    assert problem.message == "`metadata.k` is null. Leave the key out instead."


def test_the_fast_path_takes_ordinary_bodies():
    for options in ({}, {"separators": (",", ":")}, {"indent": 2}):
        sent = body(
            event("a", metadata={"k": "x: y", "é": 1.5}), event("b", timestamp=None, metadata=None), event("c"), **options
        )
        assert len(judge_fast(sent, received_at=NOW, max_age=AGE).events) == 3


def test_the_identity_is_sixteen_bytes_of_blake2b():
    assert identity("evt-1") == hashlib.blake2b(b"evt-1", digest_size=16).hexdigest()
    assert identity("é") == hashlib.blake2b(b"\xc3\xa9", digest_size=16).hexdigest()


texts = st.text(max_size=6) | st.sampled_from([":", '":', " :", "\\", '"', "é", "😀"])
numbers = st.integers(-(10**31), 10**31) | st.floats() | st.decimals(allow_nan=False, places=3).map(float)
values = texts | numbers | st.booleans() | st.none() | st.lists(st.integers(), max_size=1)
sent_events = st.fixed_dictionaries(
    {"event_id": texts, "customer_id": texts, "event_name": texts},
    optional={
        "timestamp": st.sampled_from(["2026-11-21T00:00:00", "2026-11-20T00:00:00.1234567Z", "x", None, 5]),
        "metadata": st.dictionaries(texts, values, max_size=3),
        "unknown": values,
    },
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=st.lists(sent_events, max_size=4), ascii_only=st.booleans(), indent=st.none() | st.integers(0, 2))
def test_the_fast_path_accepts_nothing_that_the_slow_one_refuses(events, ascii_only, indent):
    text = json.dumps({"events": events}, ensure_ascii=ascii_only, indent=indent).encode(errors="replace")
    slow = judge_slowly(text, received_at=NOW, max_age=AGE)

    try:
        fast = judge_fast(text, received_at=NOW, max_age=AGE)
    except Doubt:
        return

    assert slow.problems == []
    assert slow.repeated == []
    for one, other in zip(slow.events, fast.events, strict=True):
        assert (one.event_id, one.customer_id, one.timestamp) == (other.event_id, other.customer_id, other.timestamp)
        assert same_content(one, other)


def test_of_far_too_many_keys_only_as_many_are_listed_as_are_allowed():
    problems = judged(body(event(metadata={f"k{n}": None for n in range(10_000)}))).problems

    assert [p.code for p in problems] == ["TOO_MANY_KEYS"] + ["NULL_VALUE"] * 50

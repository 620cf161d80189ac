import pytest

from events.bodies import EventsUnreadable, event_id, event_texts, joined, readable


def test_events_keep_the_very_text_that_was_sent() -> None:
    body = '{"a": [{"events": [1]}, 2.50],\n "events" : [ {"event_id":"é","n":0.10}, 1e999 ,{"k":1,"k":2}], "z": null}'.encode()

    texts = event_texts(body, is_whole=True)

    assert texts == ['{"event_id":"é","n":0.10}', "1e999", '{"k":1,"k":2}']
    assert joined(texts).decode() == '{"events":[{"event_id":"é","n":0.10},1e999,{"k":1,"k":2}]}'


def test_of_a_body_that_was_cut_the_whole_events_are_left() -> None:
    body = '{"events":[{"event_id":"a"},{"event_id":"é"},{"event_id":"c'.encode()

    assert event_texts(body, is_whole=False) == ['{"event_id":"a"}', '{"event_id":"é"}']
    assert event_texts(body[:42], is_whole=False) == ['{"event_id":"a"}']  # in the midst of a character


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"events":{}}',
        b'{"events":[1',
        b'{"events":[1],"events":[2]}',
        b"\xff",
        b'{"events":' + b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_list_of_events_is_refused(body: bytes) -> None:
    with pytest.raises(EventsUnreadable, match="sender has to mend"):
        event_texts(body, is_whole=True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"event_id":"a/b"}', "a/b"),
        ('{"event_id":1}', ""),
        ("7", ""),
        ("{", ""),
        ('{"event_id":"a\\u0000"}', "a\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_an_event_id_is_read_where_there_is_one(text: str, found: str) -> None:
    assert event_id(text) == found


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"k": "\xc3\xa9"}\n', '{"k": "é"}\n'),
        (b"\xff\x00", "\\xff\\u{0000}"),
        ("a\u202eb\u2028c\x9b".encode(), "a\\u{202e}b\\u{2028}c\\u{009b}"),
        (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
        (b"x" * 100, "x" * 20),
    ],
)
def test_every_odd_character_of_a_body_is_named(body: bytes, shown: str) -> None:
    assert readable(body, most=20) == shown

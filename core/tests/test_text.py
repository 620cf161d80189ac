"""Names that nobody could read are refused."""

import pytest

from core.text import NameBlank, refuse_blank


@pytest.mark.parametrize("text", ["", " ", "\t\n", "\u00a0", "\u2003 ", "\u200b", "\u2060 \ufeff\u00ad"])
def test_a_name_of_spaces_alone_is_refused(text):
    with pytest.raises(NameBlank, match="name is blank: give at least one character that is not a space"):
        refuse_blank(text)


@pytest.mark.parametrize("text", ["A", " A ", "हिन्दी", "0", "👩\u200d🔬"])
def test_a_name_with_a_character_that_is_seen_is_taken(text):
    refuse_blank(text)

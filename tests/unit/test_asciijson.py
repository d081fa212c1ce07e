"""JSON as one line of ASCII says what the standard library would say, whatever mail brought."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mailgate.asciijson import encoder

TEXTS = st.text(st.characters(codec=None)) | st.sampled_from(["\ud800", "\0", "ü", "a\nb", "\u2028"])
PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS
VALUES: st.SearchStrategy[Any] = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner))


@given(VALUES)
def test_any_value_is_one_line_of_ascii_and_reads_as_itself(value: Any) -> None:
    text = encoder()(value)

    assert text.isascii()
    assert "\n" not in text
    assert json.loads(text) == value


def test_what_json_has_no_word_for_is_said_otherwise() -> None:
    encode = encoder(otherwise=repr)

    assert [encode(1j), encode({"ü": 1j})] == ['"1j"', '{"\\u00fc":"1j"}']

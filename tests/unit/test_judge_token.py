"""What we signed is known again through everything that mail systems do; nothing else ever is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.judge import token
from mailgate.model import Keys, Token, TokenKind

KEYS = Keys("laborat1", "2", {"1": b"1" * 32, "2": b"2" * 32})
AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
BOX = "support@g.test"
IDS = st.integers(0, 2**63 - 1)
ADDRESSED = [kind for kind in TokenKind if kind is not TokenKind.MESSAGE]
ALPHABET = st.sampled_from(token.ALPHABET)


def swapped(text: str, place: int, char: str) -> str:
    return text[:place] + char + text[place + 1 :]


# ── What we made is known again ───────────────────────────────────────────────────────────────────────────────────────


@given(st.sampled_from(ADDRESSED), IDS)
def test_a_token_comes_back(kind: TokenKind, number: int) -> None:
    assert token.read_token(token.token_text(kind, number, KEYS), KEYS) == Token(kind, "2", number)


@given(IDS)
def test_a_message_id_comes_back_whatever_its_domain(number: int) -> None:
    text = token.message_id(number, "g.test", KEYS)

    expected = Token(TokenKind.MESSAGE, "2", number)
    assert token.read_message_id(text, KEYS) == expected
    assert token.read_message_id(text.replace("@g.test", "@relay.test").upper(), KEYS) == expected


@given(IDS)
def test_a_marker_comes_back(number: int) -> None:
    assert token.read_marker(token.marker(number, KEYS), KEYS) is not None
    assert token.read_marker(token.marker(number, KEYS).upper(), KEYS) is not None


@given(IDS, st.sampled_from(["acknowledge", "challenge", "agent"]))
def test_a_trace_comes_back(number: int, purpose: str) -> None:
    value = token.trace(purpose, number, AT, KEYS)

    assert token.read_trace(value, KEYS) == Token(TokenKind.MESSAGE, "2", number)
    assert token.read_trace(value.replace("; ", ";\t "), KEYS), "a relay folded it elsewhere"


def test_case_is_folded_and_mistyped_letters_are_read_as_meant() -> None:
    text = token.token_text(TokenKind.REPLY, 0, KEYS)

    assert "0" in text[3:16]
    mistyped = text[:3] + text[3:].upper().replace("0", "O").replace("1", "l")
    assert token.read_token(mistyped, KEYS) == Token(TokenKind.REPLY, "2", 0)


def test_an_older_key_still_verifies() -> None:
    before = replace(KEYS, current="1")

    assert token.read_token(token.token_text(TokenKind.BOUNCE, 7, before), KEYS) == Token(TokenKind.BOUNCE, "1", 7)


# ── What we did not make is nothing ───────────────────────────────────────────────────────────────────────────────────


@given(st.sampled_from(ADDRESSED), IDS, st.integers(0, token.TOKEN_CHARS - 1), ALPHABET)
def test_one_changed_character_makes_it_nothing(kind: TokenKind, number: int, place: int, char: str) -> None:
    """The kind, the key and the id are all under the MAC."""
    text = token.token_text(kind, number, KEYS)

    changed = swapped(text, place, char)

    assert changed == text or token.read_token(changed, KEYS) is None


@pytest.mark.parametrize("kind", ADDRESSED)
def test_another_kind_is_another_token(kind: TokenKind) -> None:
    for other in TokenKind:
        text = swapped(token.token_text(kind, 7, KEYS), 0, other)
        assert (token.read_token(text, KEYS) is not None) == (other is kind)


def test_a_message_id_makes_no_address() -> None:
    """It travels to everybody who is copied, so it must grant nothing."""
    _, _, number, mac = token.message_id(7, "g.test", KEYS).strip("<>").partition("@")[0].split(".")[0:4]

    assert token.read_token(f"m12{number}{mac}", KEYS) is None
    assert token.looks_signed(f"support+m12{number}{mac}@g.test") is None


def test_an_unknown_key_makes_it_nothing() -> None:
    revoked = replace(KEYS, secrets={"1": KEYS.secrets["1"]}, current="1")

    assert token.read_token(token.token_text(TokenKind.REPLY, 7, KEYS), revoked) is None
    assert token.read_message_id(token.message_id(7, "g.test", KEYS), revoked) is None
    assert token.read_trace(token.trace("agent", 7, AT, KEYS), revoked) is None
    assert token.read_marker(token.marker(7, KEYS), revoked) is None


def test_another_instance_with_the_same_keys_is_another_gateway() -> None:
    other = replace(KEYS, instance="laborat2")

    assert token.read_token(token.token_text(TokenKind.REPLY, 7, KEYS), other) is None
    assert token.read_trace(token.trace("agent", 7, AT, KEYS), other) is None


def test_an_id_that_no_store_could_hold_is_nothing() -> None:
    assert token.read_token(token.token_text(TokenKind.REPLY, 2**63, KEYS), KEYS) is None


@pytest.mark.parametrize("field", ["v", "i", "k", "n", "t", "m"])
def test_every_field_of_a_trace_is_signed(field: str) -> None:
    value = token.trace("agent", 7, AT, KEYS)
    fields = dict(piece.split("=") for piece in value.split("; "))

    fields[field] = swapped(fields[field], len(fields[field]) - 1, "x")

    assert token.read_trace("; ".join(f"{key}={text}" for key, text in fields.items()), KEYS) is None


# ── Anything at all ───────────────────────────────────────────────────────────────────────────────────────────────────

HOSTILE = st.one_of(
    st.text(max_size=80),
    st.text(alphabet=st.characters(), max_size=60),  # lone surrogates too
    st.builds("<mg1.{}.{}.{}@x>".format, st.text(max_size=3), st.text(max_size=14), st.text(max_size=27)),
    st.builds("mg-2{}-{}".format, st.text(max_size=9), st.text(max_size=9)),
    st.builds("v=1; i=laborat1; k={}; n={}; t=1; m=2{}".format, st.text(), st.text(max_size=13), st.text(max_size=26)),
    st.builds("r12{}".format, st.text(min_size=39, max_size=39)),
)


@given(HOSTILE)
def test_no_text_makes_reading_fail(text: str) -> None:
    assert token.read_token(text, KEYS) is None
    assert token.read_message_id(text, KEYS) is None
    assert token.read_trace(text, KEYS) is None
    assert token.read_marker(text, KEYS) is None
    token.looks_signed(text)
    token.decode(text)


@pytest.mark.parametrize("read", [token.read_message_id, token.read_trace, token.read_marker, token.read_token])
def test_a_megabyte_is_read_in_no_time(read: object) -> None:
    """The digits of an id are counted before they are read: reading takes quadratic time."""
    huge = "0" * 1_000_000
    for text in (huge, f"<mg1.2m.{huge}.{huge}@x>", f"mg-2{huge}-{huge}", f"v=1; i=laborat1; n={huge}; m=2{huge}"):
        assert not read(text, KEYS)  # type: ignore[operator]


# ── Addresses ─────────────────────────────────────────────────────────────────────────────────────────────────────────

MAILBOXES = [
    pytest.param(BOX, "support+", id="short"),
    pytest.param("a" * 21 + "@g.test", "a" * 21 + "+", id="as long as may be"),
    pytest.param("a" * 22 + "@g.test", "r+", id="too long"),
    pytest.param("ä" * 11 + "@g.test", "r+", id="too long in octets"),
    pytest.param("support+eu@g.test", "support+eu+", id="with a sub-address of its own"),
]


@pytest.mark.parametrize(("mailbox", "begins"), MAILBOXES)
def test_a_signed_address_keeps_to_64_octets(mailbox: str, begins: str) -> None:
    """RFC 5321 section 4.5.3.1.1."""
    address = token.address(TokenKind.REPLY, 2**63 - 1, mailbox, KEYS)

    local, _, domain = address.rpartition("@")
    assert local.startswith(begins)
    assert len(local.encode()) <= 64
    assert domain == "g.test"
    assert token.read_token(token.looks_signed(address) or "", KEYS) == Token(TokenKind.REPLY, "2", 2**63 - 1)


@pytest.mark.parametrize("length", range(token.SHORTEST_CUT, token.TOKEN_CHARS + 9))
def test_a_token_that_was_cut_or_grew_is_still_known_as_one(length: int) -> None:
    """Otherwise it would be the sub-address of a mailbox, which anybody may write to."""
    text = f"{token.token_text(TokenKind.REPLY, 7, KEYS)}00000000"[:length]

    assert token.looks_signed(f"support+{text}@g.test") == text


@pytest.mark.parametrize(
    "tag", ["c1" + "0f" * 15, "b1" + "9" * 38, "r1short", "shop-of-a-very-long-name-indeed", "c2" * 12]
)
def test_what_others_write_behind_a_plus_is_no_token(tag: str) -> None:
    assert token.looks_signed(f"support+{tag}@g.test") is None


def test_at_a_bounce_domain_the_token_stands_alone() -> None:
    address = token.address(TokenKind.BOUNCE, 7, BOX, KEYS, domain="b.g.test")

    assert address == f"{token.token_text(TokenKind.BOUNCE, 7, KEYS)}@b.g.test"


def test_a_forged_address_still_looks_signed() -> None:
    """So that the door can tell a guess from a typing error."""
    address = token.address(TokenKind.REPLY, 7, BOX, KEYS)

    assert token.looks_signed(swapped(address, len("support+r12"), "z")) is not None
    assert token.looks_signed("support+shop@g.test") is None


def test_a_made_up_id_is_the_same_for_the_same_mail() -> None:
    assert token.made_up_id("seed", "g.test") == token.made_up_id("seed", "g.test")
    assert token.made_up_id("seed", "g.test") != token.made_up_id("other", "g.test")
    assert token.read_message_id(token.made_up_id("seed", "g.test"), KEYS) is None


def test_a_ticket_has_one_thread() -> None:
    assert len(token.thread_guid(7, KEYS)) == 16
    assert token.thread_guid(7, KEYS) == token.thread_guid(7, KEYS) != token.thread_guid(8, KEYS)

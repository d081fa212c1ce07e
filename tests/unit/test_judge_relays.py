from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.config import tomlfile
from mailgate.errors import ConfigError
from mailgate.judge.relays import LONGEST_ALIAS, Renaming, compile_relays, learner
from mailgate.rulebook import shipped_folder

SES = "0102018f1c2d3e4f-01234567-89ab-cdef-0123-456789abcdef-000000"
IRELAND, VIRGINIA = "email-smtp.eu-west-1.amazonaws.com", "email-smtp.us-east-1.amazonaws.com"


@cache
def shipped() -> tuple[Renaming, ...]:
    return compile_relays([("relays.toml", tomlfile.read(shipped_folder() / "relays.toml").document, ())])


@pytest.mark.parametrize(
    ("host", "id_domain", "said", "alias"),
    [
        (IRELAND, "", f"Ok {SES}", f"{SES}@eu-west-1.amazonses.com"),
        (IRELAND.upper(), "", f"2.0.0 OK {SES.upper()}", f"{SES}@eu-west-1.amazonses.com"),
        ("email-smtp-fips.us-gov-west-1.amazonaws.com", "", f"Ok {SES}", f"{SES}@us-gov-west-1.amazonses.com"),
        (VIRGINIA, "", f"Ok {SES}", f"{SES}@email.amazonses.com"),
        (IRELAND, "ids.example.com", f"Ok {SES}", f"{SES}@ids.example.com"),
        (IRELAND, "", "2.0.0 Ok: queued as 4BxYz1", ""),
        ("smtp.example.com", "ids.example.com", "2.0.0 Ok: queued as 4BxYz1", "4bxyz1@ids.example.com"),
        ("smtp.example.com", "ids.example.com", "ok <Ab1@Other.example>", "ab1@other.example"),
        ("smtp.example.com", "ids.example.com", "2.6.0 Message accepted", ""),
        ("smtp.example.com", "", "2.0.0 Ok: queued as 4BxYz1", ""),
        ("smtp.example.com", "", f"Ok {SES}", ""),
        ("", "ids.example.com", "2.0.0 Ok: queued as 4BxYz1", ""),
    ],
    ids=[
        "SES",
        "whatever its letters",
        "a region of the government",
        "the region with a name of its own",
        "the operator knows better",
        "not an id of it",
        "a relay whose domain is known",
        "a whole id",
        "no id",
        "a relay that keeps our names",
        "an answer as of SES",
        "by MX",
    ],
)
def test_how_a_relay_named_our_mail_is_learnt(host: str, id_domain: str, said: str, alias: str) -> None:
    assert learner(shipped(), host, id_domain).alias(said) == alias


@given(st.text() | st.from_regex(r"Ok [!-~]{0,400}", fullmatch=True))
def test_an_alias_is_short_and_plain(said: str) -> None:
    alias = learner(shipped(), "smtp.example.com", "ids.example.com").alias(said)
    assert len(alias) <= LONGEST_ALIAS
    assert alias.isascii()
    assert alias == alias.lower()
    assert not set(alias) & set("<> \r\n")


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({"host": "a(", "answer": "(x)", "domain": "y"}, "relay.host"),
        ({"host": "a", "answer": "x", "domain": "y"}, "relay.answer"),
        ({"host": "a", "answer": "(x)"}, "relay.domain"),
        ({"answer": "(x)", "domain": "y"}, "relay.domain"),
        ({"hosts": "a", "answer": "(x)"}, "relay.hosts"),
    ],
    ids=["no pattern", "no group", "no domain", "no host", "misspelt"],
)
def test_a_table_with_a_fault_is_refused(table: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compile_relays([("relays.toml", {"relay": [table]}, [7])])
    assert [(fault.key, fault.line) for fault in caught.value.faults] == [(key, 7)]

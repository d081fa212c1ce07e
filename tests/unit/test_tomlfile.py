"""A fault in a TOML file names the line where the key stands."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.config import tomlfile
from mailgate.errors import ConfigError

TEXT = '''\
# [gateway] in a comment is no table
top = 1

[gateway]
name = "a"  # [mailbox]
long = """
[listener]
name = "not a key"
"""
"quoted" = 1

[[mailbox]]
address = "[[mailbox]]"
[[mailbox]]
address = "b"
many = [
  [1, 2],
  "]",
]
last = 1

[mailbox.inner]
deep = 1

[ "store" ]
url.path = 'C:\\'
'''


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("top",), 2),
        (("gateway",), 4),
        (("gateway", "name"), 5),
        (("gateway", "long"), 6),
        (("gateway", "quoted"), 10),
        (("mailbox", 0, "address"), 13),
        (("mailbox", 1), 14),
        (("mailbox", 1, "address"), 15),
        (("mailbox", 1, "many", 0, 1), 16),
        (("mailbox", 1, "last"), 20),
        (("mailbox", 1, "inner", "deep"), 23),
        (("store", "url", "path"), 26),
        (("gateway", "missing"), 4),
        (("nowhere",), 0),
    ],
    ids=str,
)
def test_every_key_has_its_line(place: tomlfile.Place, line: int) -> None:
    assert tomlfile.parse(TEXT, "x.toml").line(place) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\nb = \n", 2),
        ("a = 1\na = 2", 2),
        ('a = 1\nb = """\n', 3),
        ("a = 1\n[x\n", 2),
        ("a = " + "[" * 100_000, 0),
    ],
    ids=["no value", "twice", "open string", "open header", "too deep"],
)
def test_a_syntax_error_names_its_line(text: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        tomlfile.parse(text, "x.toml")
    assert [(fault.file, fault.line) for fault in caught.value.faults] == [("x.toml", line)]


@pytest.mark.parametrize(("private", "shown"), [(False, "b = x"), (True, "")], ids=["open", "private"])
def test_a_syntax_error_points_at_its_place_but_shows_no_private_file(tmp_path, private: bool, shown: str) -> None:
    (tmp_path / "x.toml").write_text("a = 1\nb = x\n")
    with pytest.raises(
        ConfigError, match=r"x.toml:2:5: TOML: found Invalid value; allowed: a text in quotes"
    ) as caught:
        tomlfile.read(tmp_path / "x.toml", private=private)
    assert [fault.shown for fault in caught.value.faults] == [shown]


def test_a_missing_file_is_a_fault(tmp_path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        tomlfile.read(tmp_path / "absent.toml")


def test_a_byte_that_is_not_utf8_is_named_with_its_line(tmp_path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(b'a = 1\nb = "\xe4"\n')
    with pytest.raises(ConfigError, match=r"latin.toml:2: file: found byte 0xe4"):
        tomlfile.read(path)


def test_a_file_without_end_is_not_read_for_ever() -> None:
    with pytest.raises(ConfigError, match="too large"):
        tomlfile.read(tomlfile.Path("/dev/zero"))


@given(st.text() | st.text(alphabet="[]\"'#=.\n\\ab1 {}"))
def test_any_text_is_toml_or_a_fault(text: str) -> None:
    with suppress(ConfigError):
        assert tomlfile.parse(text, "x.toml").document is not None

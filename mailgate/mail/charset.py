"""Bytes of unknown making as text: by their declared charset, else as UTF-8, else as Windows' Latin. Never raises.

No charset is guessed: of real mail whose charset is not as declared, nine in ten are Windows' Latin, and what a guess
gains among the others it loses among these.
"""

from __future__ import annotations

from encodings import normalize_encoding
from encodings.aliases import aliases
from functools import lru_cache

LONGEST_NAME = 40  # characters of a charset's name
REMEMBERED_MOST = 256  # names, right and wrong ones

# Only charsets that Python ships by name: an unknown name would be looked for on disk and remembered for ever.
# Left out is what is no charset, unescapes, is not linear, or can give half a character.
_NO_CHARSETS = {
    *("base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"),
    # UTF-7 spells any character in letters: what a filter reads as harmless could be a tag to the next reader.
    *("idna", "punycode", "unicode_escape", "raw_unicode_escape", "mbcs", "oem", "undefined", "utf_7"),
}
_KNOWN = {**{name: name for name in aliases.values()}, **aliases}

# Senders declare the old name and use the larger set of characters (WHATWG Encoding, section 4.2).
_MEANT = {
    "ascii": "utf_8",
    "latin_1": "cp1252",
    "iso8859_9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "iso2022_jp": "iso2022_jp_ext",
}
# Names in use that Python does not know (WHATWG Encoding, section 4.2, and old mail programs).
_ALSO_CALLED = {
    "utf8mb4": "utf_8",
    "unicode_1_1_utf_8": "utf_8",
    "iso_8859_8_i": "iso8859_8",
    "iso_8859_8_e": "iso8859_8",
    "windows_874": "cp874",
    "windows_31j": "cp932",
    "windows_949": "cp949",
    "cp_1251": "cp1251",
    "cp_1252": "cp1252",
    "win_1251": "cp1251",
}
_SEVEN_BITS = frozenset(
    {
        *("hz", "iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_2004", "iso2022_jp_3", "iso2022_jp_ext"),
        "iso2022_kr",
    }
)
_MANY_BYTES = frozenset(
    {
        *("utf_8", "utf_8_sig", "gb18030", "big5", "big5hkscs", "cp950", "cp932", "cp949", "euc_jp", "euc_jis_2004"),
        *("euc_jisx0213", "johab", "shift_jis_2004", "shift_jisx0213", "utf_16", "utf_16_le", "utf_16_be", "utf_32"),
    }
)
_WIDE = frozenset({"utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be"})
_BROKEN = "\N{REPLACEMENT CHARACTER}"


def decode(raw: bytes, declared: str = "") -> str:
    """`raw` as text; `declared` is the charset that the sender named, "" for none.

    A few broken bytes, or an end in the middle of a character, cost those bytes and not the charset of the whole.
    """
    named = _codec(declared)
    if named in _WIDE and raw.isascii() and b"\0" not in raw:
        # Two letters at a time would be a Chinese character, and bytes without a zero are not UTF-16's letters.
        return raw.decode("ascii")
    if named in _SEVEN_BITS and raw.isascii():
        # Its escapes are good UTF-8 too, but no text.
        return raw.decode(named, "replace")
    for codec in (named, "utf_8"):
        try:
            return raw.decode(codec)
        except UnicodeError:
            continue
    for codec in dict.fromkeys((named, "utf_8")):
        if codec in _MANY_BYTES and (text := _mostly(raw, codec)):
            return text
    return raw.decode("cp1252", "replace")


def is_known(declared: str) -> bool:
    """Is this the name of a charset that is read as such?"""
    return _found(declared[:LONGEST_NAME]) is not None


def _codec(declared: str) -> str:
    return _found(declared[:LONGEST_NAME]) or "utf_8"


@lru_cache(REMEMBERED_MOST)
def _found(declared: str) -> str | None:
    name = declared.strip().lower()
    if not name.isascii():
        return None
    for spelled in (name, name.removeprefix("x-")):
        key = normalize_encoding(spelled)
        found = _ALSO_CALLED.get(key) or _KNOWN.get(key)
        if found is not None and found not in _NO_CHARSETS:
            return _MEANT.get(found, found)
    return None


def _mostly(raw: bytes, codec: str) -> str:
    """`raw` as text of a charset of many bytes, its broken bytes marked; "" where fewer characters are whole."""
    text = raw.decode(codec, "replace")
    broken = text.count(_BROKEN)
    whole = len(text) - broken - len(text.encode("ascii", "ignore"))
    return text if whole >= broken else ""

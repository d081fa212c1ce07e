"""Bytes of unknown making as text: by their declared charset, else as UTF-8, else as Windows' Latin. Never raises."""

from __future__ import annotations

from encodings import normalize_encoding
from encodings.aliases import aliases

# Only charsets that Python ships by name: an unknown name would be looked for on disk and remembered for ever.
# Left out is what is no charset, unescapes, is not linear, or can give half a character.
_NO_CHARSETS = {
    *("base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"),
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
}


def decode(raw: bytes, declared: str = "") -> str:
    """`raw` as text; `declared` is the charset that the sender named, "" for none."""
    for charset in (_codec(declared), "utf_8"):
        try:
            return raw.decode(charset)
        except UnicodeError:
            continue
    return raw.decode("cp1252", "replace")


def _codec(declared: str) -> str:
    name = declared[:40].strip().lower()
    found = _KNOWN.get(normalize_encoding(name)) if name.isascii() else None
    if found is None or found in _NO_CHARSETS:
        return "utf_8"
    return _MEANT.get(found, found)

"""Patterns of all making, and texts that some of them match, letters among them that patterns take for the same."""

from __future__ import annotations

from hypothesis import strategies as st

_ATOMS = st.sampled_from(
    [
        *("a", "b", "ab", "K", "s", "ς", "ß", "É"),
        *(r"\.", r"\-", ".", "^", "$", r"\b", r"\d", r"\pL", "[ab]", "[^]a]", "[[:alpha:]b]"),
    ]
)
_TIMES = st.sampled_from(["", "", "", "?", "*", "+", "+?", "{0}", "{2}", "{1,3}", "{0,}"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    groups = st.sampled_from(["(", "(?:", "(?P<n>", "(?i:", "(?-i:", "(?s-m:"])
    return st.one_of(
        st.builds("{}{}){}".format, groups, inner, _TIMES),
        st.builds("{}|{}".format, inner, inner),
        st.builds("{}{}".format, inner, inner),
        st.builds("{}(?i){}".format, inner, inner),
    )


PATTERNS = st.recursive(st.builds("{}{}".format, _ATOMS, _TIMES), _grown, max_leaves=8)
TEXTS = st.text(st.sampled_from("abkKſsσςßÉé.-1 \N{KELVIN SIGN}"), max_size=12)

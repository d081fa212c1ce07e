"""Ground: the names of hosts as they are compared, and the organizational domain above each.

The bundled public suffix list and not the sender's DNS decides which names share one limit: a sender who controls his
zone could otherwise split one domain into many.
"""

from functools import cache, lru_cache

from publicsuffixlist import PublicSuffixList


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def a_label(domain: str) -> str:
    """`domain` in lower-case ASCII (RFC 5890); where it cannot be, as it is in lower case."""
    name = domain.strip().rstrip(".").lower()
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii").rstrip(".").lower()
    except UnicodeError:
        return name


@lru_cache(maxsize=4096)
def organizational(domain: str) -> str:
    """The registrable domain above `domain` (A-label or U-label, any case); the name itself where there is none."""
    name = domain.strip().strip(".").lower()
    return _suffixes().privatesuffix(name) or name

"""Ground: the organizational domain of a host name, by the bundled public suffix list and never by DNS.

The list, not the sender's DNS, decides which names share one limit: a sender who controls his zone could otherwise
split one domain into many.
"""

from functools import cache, lru_cache

from publicsuffixlist import PublicSuffixList


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@lru_cache(maxsize=4096)
def organizational(domain: str) -> str:
    """The registrable domain above `domain` (A-label or U-label, any case); the name itself where there is none."""
    name = domain.strip().strip(".").lower()
    return _suffixes().privatesuffix(name) or name

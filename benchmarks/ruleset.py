"""A thousand rules as a large house could have them: who writes, what subjects and texts say, which files come."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from benchmarks.words import WORDS

RULES, PATTERNS_A_RULE = 1000, 5
ENTRIES = 100_000  # of the map
MAP = "partners"
_RARE = 500  # words before this rank stand in many mails


def rules(count: int) -> str:
    """So many `[[rule]]` tables, with PATTERNS_A_RULE texts, globs and patterns each."""
    chance = random.Random(count)
    return "\n".join(_rule(number, chance) for number in range(count))


def partners(count: int) -> str:
    """A map of so many domains; of a thousand entries one is a glob, and one a pattern."""
    return "".join(f"{entry}\n" for entry in _entries(count))


def _entries(count: int) -> Iterator[str]:
    for number in range(count):
        match number % 1000:
            case 500:
                yield f"*.{_word(number)}-{number}.example"
            case 700:
                yield f"re:^{_word(number)}-?[0-9]+\\.{number}\\.example$"
            case _:
                yield f"{_word(number)}-{number}.example"


def _rule(number: int, chance: random.Random) -> str:
    conditions = _KINDS[number % len(_KINDS)](number, chance)
    return f'[[rule]]\nname = "rule {number}"\n{conditions}then.tag = "t{number % 20}"\n'


def _people(number: int, chance: random.Random) -> str:
    return f"when.from_domain = {[f'{_word(number)}{each}.example' for each in range(PATTERNS_A_RULE)]}\n"


def _subjects(number: int, chance: random.Random) -> str:
    return f"when.subject.contains = {_phrases(chance, PATTERNS_A_RULE)}\nunless.mailbox = 'sales@bench.test'\n"


def _texts(number: int, chance: random.Random) -> str:
    return f"when.text.contains = {_phrases(chance, 4)}\nunless.subject.contains = {_phrases(chance, 1)}\n"


def _orders(number: int, chance: random.Random) -> str:
    one, two, three, four, five = _rare(chance, 5)
    return (
        f"when.any = [\n  {{ text.matches = '\\b{one}-?[0-9]{{4,8}}\\b' }},\n"
        f"  {{ text.matches = '{two}.{{0,40}}{three}' }},\n  {{ subject.matches = '^(?:re: )?{four} (?:nr|no)' }},\n"
        f"  {{ text.matches = '\\b[a-z]{{2}}[0-9]{{{number % 9 + 2}}}[-/][0-9]{{{number % 7 + 1},9}}\\b' }},\n"
        f"  {{ text.matches = '(?:{five}|{four}) +{three}' }},\n]\n"
    )


def _files(number: int, chance: random.Random) -> str:
    return f"when.file_name.glob = {[f'*{word}*.pdf' for word in _rare(chance, PATTERNS_A_RULE)]}\n"


def _fields(number: int, chance: random.Random) -> str:
    words = _rare(chance, 3)
    return (
        f"when.'header:x-mailer'.contains = {words[:2]}\nwhen.'header:list-id'.glob = ['*.{words[2]}.example>']\n"
        f"when.size_kb = '> {number}'\nwhen.mailbox = 'support@bench.test'\n"
    )


def _mapped(number: int, chance: random.Random) -> str:
    return f"when.from_domain = 'map:{MAP}'\nwhen.subject.contains = {_phrases(chance, PATTERNS_A_RULE - 1)}\n"


def _phrases(chance: random.Random, count: int) -> list[str]:
    return [" ".join(_rare(chance, 2)) for _ in range(count)]


def _rare(chance: random.Random, count: int) -> list[str]:
    return [WORDS[chance.randrange(_RARE, len(WORDS))] for _ in range(count)]


def _word(number: int) -> str:
    return WORDS[_RARE + number % (len(WORDS) - _RARE)]


_KINDS: tuple[Callable[[int, random.Random], str], ...] = (
    *(_people, _subjects, _texts, _orders, _files),
    *(_people, _subjects, _texts, _orders, _mapped),
    *(_people, _subjects, _texts, _fields, _files),
)

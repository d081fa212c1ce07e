"""The examples of rules: mail that a rule must hold for, and mail that it must miss. They are tried at every reading.

[[rule.hit]]                      the values of fields; a field that is not named has none
from_domain = "supplier.example"
file_name = ["a.pdf", "b.pdf"]
[[rule.miss]]
mail = "tests/reminder.eml"       or a whole mail, in a file beside the rule file; `mailgate rules test` reads it
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from mailgate.errors import Fault
from mailgate.judge.rules import is_header
from mailgate.judge.ruling import telling
from mailgate.judge.ruling.asking import Rules, Values
from mailgate.judge.ruling.rule import Example, Rule, holds
from mailgate.tables import Line, Tables, nearest

HIT, MISS = "hit", "miss"
MAIL = "mail"
MOST = 100  # of one rule and kind
MOST_VALUES = 50  # of one field
LONGEST_VALUE = 10_000  # characters

_ALLOWED = 'a text, a number, or a list of them, such as subject = "Your invoice"'
_ALLOWED_MAIL = "the path of a mail below the folder of this rule file, such as tests/reminder.eml"


def read(tables: Tables, rule: Mapping[str, Any], fields: Collection[str], line: Line) -> tuple[Example, ...]:
    """The examples of one rule; `line` says where in it one stands. What is wrong with them, `tables` then knows."""
    return tuple(example for kind in (HIT, MISS) for example in _of_kind(tables, rule, kind, fields, line))


def _of_kind(
    tables: Tables, rule: Mapping[str, Any], kind: str, fields: Collection[str], line: Line
) -> Iterator[Example]:
    written = rule.get(kind, [])
    if not isinstance(written, list) or len(written) > MOST or not all(isinstance(one, dict) for one in written):
        tables.fault(kind, written, f"at most {MOST} tables [[rule.{kind}]]")
        return
    for number, table in enumerate(written):
        at = f"{kind}[{number + 1}]"
        place = f"{tables.file}:{line((kind, number))}"
        if not table:
            tables.fault(at, table, 'the values of fields, such as subject = "Your invoice"')
        if MAIL in table:
            yield Example(kind == HIT, place, mail=_mail(tables, table, at))
        else:
            values = {key: _values(tables, f"{at}.{key}", table[key]) for key in table}
            _known(tables, values, fields, at)
            yield Example(kind == HIT, place, values)


def _mail(tables: Tables, table: Mapping[str, Any], at: str) -> str:
    for key in (key for key in table if key != MAIL):
        tables.fault(f"{at}.{key}", key, "nothing beside a whole mail")
    name = table[MAIL]
    if isinstance(name, str) and name.isprintable() and name.strip("./") and ".." not in name and name[0] != "/":
        return name
    tables.fault(f"{at}.{MAIL}", name, _ALLOWED_MAIL)
    return ""


def _known(tables: Tables, values: Mapping[str, object], fields: Collection[str], at: str) -> None:
    for key in values:
        if key not in fields and not (is_header(key) and "*" not in key):
            found = f"{key!r}, which is no field"
            allowed = 'mail, "header:name" in lower case, or a field that `mailgate rules fields` lists'
            tables.fault_in_words(f"{at}.{key}", found, allowed, nearest(key, (*fields, MAIL)))


def _values(tables: Tables, at: str, value: Any) -> tuple[str, ...]:
    each = value if isinstance(value, list) else [value]
    if len(each) > MOST_VALUES or not all(map(_is_plain, each)):
        tables.fault(at, value, _ALLOWED)
        return ()
    return tuple(str(one).strip().lower() for one in each)


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_VALUE
    return isinstance(value, int | float | date) and not isinstance(value, bool)


def failing(rules: Rules) -> Iterator[Fault]:
    """The examples of values that do not come out as they say. Whole mails are tried elsewhere."""
    for rule in rules.all:
        for example in rule.examples:
            if not example.mail and (wrong := failure(rules, rule, example)):
                yield fault(rule, example, wrong)


def fault(rule: Rule, example: Example, found: str) -> Fault:
    """An example does not come out as it says; `found` is why, in words."""
    file, _, line = example.place.rpartition(":")
    kind, verb = (HIT, "holds") if example.holds else (MISS, "does not hold")
    allowed = f"mail for which the rule {rule.name!r} {verb}, or other conditions"
    return Fault(file, int(line), f"rule.{kind}", found, allowed)


def failure(rules: Rules, rule: Rule, example: Example) -> str:
    """Why an example of values does not come out as it says; "" where it does."""
    values = fields_of(example)
    met = rules.met(values)
    if holds(rule.holds, met) is example.holds:
        return ""
    if not example.holds:
        return f"a mail that it hits: {'; '.join(rules.saw(rule, met)) or 'nothing stands against it'}"
    return f"a mail that it misses: {telling.why_not(rule, rules, values)}"


def fields_of(example: Example) -> Values:
    """The fields of an example as rules ask for them, `header:x-*` among them."""

    def values(field: str) -> Sequence[str]:
        if field.endswith("*"):
            return [one for name, given in example.values.items() if name.startswith(field[:-1]) for one in given]
        return example.values.get(field, ())

    return values

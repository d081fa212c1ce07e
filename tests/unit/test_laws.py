"""The laws of the house, as far as a program can check them: who may import whom, and who may do what.

`mail` and `judge` are pure; `mail`, `judge`, `net` and `store` do not know one another; the roads join them; faces
stand in front of the roads.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailgate.log import Event

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "mailgate"

WINGS = ("mail", "judge", "net", "store")
GROUND = ("model", "errors", "log", "domains", "asciijson", "digest", "tables", "searchwords")
ROADS = (
    "alarm",
    "answering",
    "lanes",
    "confirming",
    "looking",
    "bulletin",
    "briefing",
    "briefs",
    "relaying",
    "canned",
    "remembering",
    "replaying",
    "judging",
    "relaying",
    "staff",
    "heldlinks",
    "intake",
    "indexing",
    "importing",
    "outbound",
    "desk",
    "upkeep",
    "letters",
    "context",
    "meter",
    "health",
    "threshold",
    "pruning",
    "backlog",
    "cases",
    "clock",
    "origins",
    "recheck",
    "redirecting",
    "refusing",
    "stragglers",
    "opinions",
    "errands",
    "parcel",
    "learning",
)
# The rule book is a value that judges ask; who reads it from files is a face.
GIVEN_TO_ROADS = ("rulebook",)

IMPURE = frozenset(
    {
        *(
            "asyncio",
            "socket",
            "ssl",
            "selectors",
            "os",
            "pathlib",
            "shutil",
            "tempfile",
            "io",
            "subprocess",
            "threading",
        ),
        *("multiprocessing", "concurrent", "time", "random", "secrets", "uuid", "logging", "structlog", "sqlite3"),
        *(
            "sqlalchemy",
            "aiosqlite",
            "alembic",
            "dns",
            "smtplib",
            "aiosmtplib",
            "aiosmtpd",
            "spf",
            "http",
            "urllib.request",
        ),
    }
)
SQL = frozenset({"sqlalchemy", "sqlite3", "aiosqlite", "alembic", "asyncpg"})
SOCKETS = frozenset(
    {
        *("socket", "ssl", "socketserver", "selectors", "smtplib", "aiosmtplib", "aiosmtpd", "dns", "spf", "dkim"),
        *("uvicorn", "httpcore2"),
    }
)
LONGEST_FILE = 400
LONGEST_FUNCTION = 40
EXCUSE = "# Long because"


@dataclass(frozen=True)
class Import:
    """One imported module or name, as an absolute dotted path."""

    name: str
    line: int
    only_for_types: bool

    @property
    def room(self) -> str:
        """The part of mailgate it belongs to; "" for other people's modules."""
        steps = self.name.split(".")
        return steps[1] if steps[0] == "mailgate" and len(steps) > 1 else ""

    def is_of(self, modules: frozenset[str]) -> bool:
        return any(self.name == module or self.name.startswith(f"{module}.") for module in modules)


class Module:
    """One file of the package."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text()
        self.tree = ast.parse(self.text)
        self.steps = path.relative_to(PACKAGE).with_suffix("").parts
        self.room = self.steps[0]

    def imports(self) -> Iterator[Import]:
        typing_only = {
            id(inner)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        for node in ast.walk(self.tree):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                above = ("mailgate", *self.steps[: -node.level]) if node.level else ()
                base = ".".join((*above, *([node.module] if node.module else [])))
                names = [f"{base}.{alias.name}" for alias in node.names]
            yield from (Import(name, getattr(node, "lineno", 0), id(node) in typing_only) for name in names)

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    def at(self, node: ast.AST | Import) -> str:
        line = node.line if isinstance(node, Import) else getattr(node, "lineno", 0)
        return f"{self.path.relative_to(ROOT)}:{line}"


MODULES = [Module(path) for path in sorted(PACKAGE.rglob("*.py"))]
every_module = pytest.mark.parametrize("module", MODULES, ids=["/".join(module.steps) for module in MODULES])
of_wings = pytest.mark.parametrize(
    "module", [m for m in MODULES if m.room in WINGS], ids=["/".join(m.steps) for m in MODULES if m.room in WINGS]
)
of_pure = pytest.mark.parametrize(
    "module",
    [m for m in MODULES if m.room in ("mail", "judge")],
    ids=["/".join(m.steps) for m in MODULES if m.room in ("mail", "judge")],
)


def test_there_are_rooms_to_check() -> None:
    assert {module.room for module in MODULES} >= {*WINGS, *GROUND}


@of_pure
def test_a_pure_room_imports_nothing_that_reaches_outside(module: Module) -> None:
    assert [module.at(one) for one in module.imports() if one.is_of(IMPURE) or one.room == "log"] == []


@of_pure
def test_a_pure_room_neither_waits_nor_asks_for_the_time(module: Module) -> None:
    waits = [
        n
        for n in ast.walk(module.tree)
        if isinstance(n, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
    ]
    asks = [c for c in module.calls() if re.search(r"(^|\.)(now|utcnow|today|open|print|input)$", ast.unparse(c.func))]
    assert [module.at(node) for node in [*waits, *asks]] == []


@of_wings
def test_a_wing_knows_only_itself_and_the_ground(module: Module) -> None:
    known = (module.room, *GROUND, "")
    assert [module.at(one) for one in module.imports() if one.room not in known] == []


@every_module
def test_sql_stands_only_in_the_store(module: Module) -> None:
    if module.room == "store":
        return
    foreign = [
        one
        for one in module.imports()
        if one.is_of(SQL) and not one.only_for_types and one.name != "sqlalchemy.Connection"
    ]
    assert [module.at(one) for one in foreign] == []


@every_module
def test_sockets_stand_only_in_net(module: Module) -> None:
    if module.room == "net":
        return
    assert [module.at(one) for one in module.imports() if one.is_of(SOCKETS)] == []
    servers = r"\.(create_server|create_unix_server|create_connection|create_datagram_endpoint|open_connection)$"
    assert [module.at(call) for call in module.calls() if re.search(servers, ast.unparse(call.func))] == []


@every_module
def test_the_ground_and_the_roads_know_no_face(module: Module) -> None:
    if module.room not in (*GROUND, *ROADS):
        return
    known = (*GROUND, "") if module.room in GROUND else (*GROUND, *WINGS, *ROADS, *GIVEN_TO_ROADS, "")
    assert [module.at(one) for one in module.imports() if one.room not in known and not one.only_for_types] == []


@every_module
def test_only_the_governor_grants_permits(module: Module) -> None:
    if module.steps == ("judge", "governor"):
        return
    makers = r"(^|\.)Permit$"
    assert [module.at(call) for call in module.calls() if re.search(makers, ast.unparse(call.func))] == []


@every_module
def test_only_the_record_queues_mail_and_spends_permits(module: Module) -> None:
    if module.steps == ("store", "record"):
        return
    inserts = [
        call
        for call in module.calls()
        if re.search(r"(insert|upsert)\w*$", ast.unparse(call.func))
        and re.search(r"\b(permit|outbox)\b", " ".join(map(ast.unparse, [call.func, *call.args])))
    ]
    assert [module.at(call) for call in inserts] == []


@every_module
def test_faces_write_only_through_the_desk(module: Module) -> None:
    """The database's own ways to write are for roads; serve, the command line and the pages use none of them."""
    if module.room in (*WINGS, *ROADS, *GROUND):
        return
    writes = r"database\.(write|together)$"
    assert [module.at(call) for call in module.calls() if re.search(writes, ast.unparse(call.func))] == []


@every_module
def test_no_module_keeps_state(module: Module) -> None:
    assert [module.at(node) for node in ast.walk(module.tree) if isinstance(node, ast.Global)] == []


@every_module
def test_every_event_has_its_name_in_the_list(module: Module) -> None:
    said = [
        call.args[0]
        for call in module.calls()
        if re.search(r"\blog\.(debug|info|warning|error|exception)$", ast.unparse(call.func).replace("_log.", "log."))
        and call.args
    ]
    unknown = [
        word
        for word in said
        if not ast.unparse(word).startswith("Event.")
        and not (isinstance(word, ast.Constant) and word.value in set(Event))
    ]
    assert [f"{module.at(word)} {ast.unparse(word)}" for word in unknown] == []


@every_module
def test_files_and_functions_are_short_or_say_why_not(module: Module) -> None:
    lines = module.text.splitlines()
    assert len(lines) <= LONGEST_FILE or any(line.startswith(EXCUSE) for line in lines[:20])
    long = [
        node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
        and not _excused(node, lines)
    ]
    assert [module.at(node) for node in long] == []


def _excused(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> bool:
    """A comment above the function (and above its decorators) says why it is long."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
    above = first - 1
    while above >= 0 and lines[above].lstrip().startswith("#"):
        if lines[above].lstrip().startswith(EXCUSE):
            return True
        above -= 1
    return False


# Of the machine it was written on, and of papers that are not part of the project.
FOREIGN = re.compile(r"/(?:work|root|home)/\w|\b(?:PROTOCOL|DESIGN|STACK|STYLE|PERF|PEERS)(?:\.md)? (?:law )?\d")
KEPT = ("mailgate", "tests", "rules", "docs", "benchmarks", "systemd", ".ci")
SUFFIXES = frozenset({".py", ".toml", ".md", ".txt", ".html", ".css", ".js", ".service", ".mako", ".yaml", ""})


def test_nothing_names_a_machine_or_a_paper_from_outside() -> None:
    files = [
        path for folder in KEPT for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix in SUFFIXES
    ]
    files += [path for path in ROOT.glob("*.*") if path.suffix in SUFFIXES and path.is_file()]
    named = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if FOREIGN.search(line)
    ]
    assert named == []


OF_THE_STORE = ("sqlalchemy", "alembic", "uvicorn", "dns")


@pytest.mark.parametrize(
    ("module", "needless"),
    [
        ("mailgate.daemon.front", OF_THE_STORE),  # there may be many of them on one machine
        ("mailgate.daemon.supervisor", OF_THE_STORE),
        ("mailgate.serve", ("cryptography",)),  # for who has keys that sign
    ],
)
def test_nobody_carries_libraries_that_he_does_not_use(module: str, needless: tuple[str, ...]) -> None:
    program = f"import {module}, sys; print(*sorted({{*{needless}}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []

"""Laws of the source tree: how many modules stand together, how they are named, and that none of them keeps state."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.paths import ROOT

TREES = ("shared", "services", "wireroom", "tools", "tests")
MOST = 15  # modules of a directory; a reader sees them at once
SHARED_NAMES = {"__init__", "__main__", "app", "settings", "conftest"}
MAY_KEEP_STATE = ("wireroom/local/", "wireroom/cli/", "tests/")
CONTAINERS = {"list", "dict", "set", "defaultdict", "deque", "Counter", "OrderedDict", "bytearray"}
CONTEXTS = {"ContextVar", "local"}
CHANGES = {
    *("append", "extend", "insert", "add", "update", "setdefault", "pop", "popitem", "clear", "remove", "discard"),
    *("appendleft", "popleft", "sort", "reverse"),
}


def modules() -> list[Path]:
    return sorted(path.relative_to(ROOT) for tree in TREES for path in (ROOT / tree).rglob("*.py"))


def test_no_directory_has_more_modules_than_a_reader_sees_at_once() -> None:
    rooms: defaultdict[Path, list[str]] = defaultdict(list)
    for path in modules():
        if path.stem != "__init__":
            rooms[path.parent].append(path.stem)
    crowded = {str(room): len(found) for room, found in rooms.items() if len(found) > MOST}
    assert not crowded, f"more than {MOST} modules in one directory; make rooms of them: {crowded}"


def test_no_module_name_occurs_twice() -> None:
    named: defaultdict[str, list[str]] = defaultdict(list)
    for path in modules():
        if path.stem not in SHARED_NAMES:
            named[path.stem].append(str(path))
    twice = {name: paths for name, paths in named.items() if len(paths) > 1}
    assert not twice, f"a traceback or an editor shows only the name; name these by what sets them apart: {twice}"


def test_no_module_keeps_state() -> None:
    found = [
        f"{path}:{line}: {what}"
        for path in modules()
        if not str(path).startswith(MAY_KEEP_STATE)
        for line, what in kept_state(ast.parse((ROOT / path).read_text("utf-8")))
    ]
    assert not found, "module-level mutable state; build a value once and pass it on:\n" + "\n".join(found)


def test_the_law_of_state_sees_each_way_of_keeping_it() -> None:
    ways = {
        "names = {}": 1,
        "names: dict[str, int] = dict()": 1,
        "seen = set()": 1,
        "rules = ContextVar('rules')": 1,
        "TABLE = {'a': 1}\ndef f(): TABLE['b'] = 2": 1,
        "TABLE = ['a']\ndef f(): TABLE.append('b')": 1,
        "made = None\ndef f():\n global made\n made = 1": 1,
        "import os\nos.environ['A'] = 'b'": 1,
        "import os\nos.environ.setdefault('A', 'b')": 1,
        "@cache\ndef f(): return 1": 1,
        "@lru_cache(maxsize=None)\ndef f(a): return a": 1,
        "@lru_cache(4096)\ndef f(a): return a": 0,
        "TABLE = {'a': 1}\ndef f(): return TABLE['a']": 0,
        "def f():\n found = {}\n found['a'] = 1\n return found": 0,
        "NAMES = ('a', 'b')": 0,
    }
    assert {code: len(list(kept_state(ast.parse(code)))) for code in ways} == ways


def kept_state(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and kind of what outlives a call: empty or changed containers, globals, caches, the environment."""
    bound = dict(bindings(tree))
    for name, value in bound.items():
        if is_empty_container(value):
            yield value.lineno, f"{name} is an empty container, to be filled later"
    for node in ast.walk(tree):
        match node:
            case ast.Global():
                yield node.lineno, f"global {', '.join(node.names)}"
            case ast.FunctionDef(decorator_list=decorators) if any(map(keeps_all, decorators)):
                yield node.lineno, f"{node.name} keeps what it returned for the whole process, without a bound"
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()) if is_container(bound.get(name)):
                yield node.lineno, f"{name} is changed"
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)) if attr in CHANGES and is_container(
                bound.get(name)
            ):
                yield node.lineno, f"{name} is changed by {attr}"
    for statement in tree.body:
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from environment_changes(statement)


def environment_changes(statement: ast.stmt) -> Iterator[tuple[int, str]]:
    for node in ast.walk(statement):
        match node:
            case (
                ast.Subscript(value=ast.Attribute(attr="environ"), ctx=ast.Store() | ast.Del())
                | ast.Call(
                    func=ast.Attribute(value=ast.Attribute(attr="environ"), attr="setdefault" | "update" | "pop")
                    | ast.Attribute(attr="putenv")
                )
            ):
                yield node.lineno, "importing it changes the environment"


def bindings(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=targets, value=value):
                yield from ((target.id, value) for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value


def is_container(value: ast.expr | None) -> bool:
    return isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp) or (
        isinstance(value, ast.Call) and called(value) in CONTAINERS
    )


def is_empty_container(value: ast.expr) -> bool:
    match value:
        case ast.List(elts=[]) | ast.Dict(keys=[]):
            return True
        case ast.Call(args=arguments):
            name = called(value)
            return name in CONTEXTS or (name in CONTAINERS and (not arguments or name == "defaultdict"))
    return False


def keeps_all(decorator: ast.expr) -> bool:
    """Tell ``cache`` and ``lru_cache(None)`` from a memory of so many answers, which only makes a function quicker."""
    if called(decorator) != "lru_cache" or not isinstance(decorator, ast.Call):
        return called(decorator) == "cache"
    given = [*decorator.args, *(keyword.value for keyword in decorator.keywords)]
    return any(isinstance(value, ast.Constant) and value.value is None for value in given)


def called(node: ast.expr) -> str:
    """Return the last name of what is called or subscripted: ``deque`` of ``collections.deque[int]()``."""
    match node:
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return called(inner)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""

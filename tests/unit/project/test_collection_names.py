"""MongoDB's collections are named in services/store alone: whoever asks the database asks its queries."""

import ast
from pathlib import Path

import pytest

from services.store import schema
from tests.paths import ROOT

NAMES = {schema.ARTICLES, schema.VERSIONS, schema.WITHDRAWN, schema.ACCEPTED_LOSSES}
ELSEWHERE = [
    path
    for room in ("shared", "services", "wireroom", "tools")
    for path in sorted((ROOT / room).rglob("*.py"))
    if not path.is_relative_to(ROOT / "services/store")
    and path.name != "bench_servers.py"  # has collections of its own
]


def collections(tree: ast.AST) -> set[str]:
    """Return the constant names that something is indexed with, and of which a collection is."""
    subscripts = (node for node in ast.walk(tree) if isinstance(node, ast.Subscript))
    indexes = (node.slice.value for node in subscripts if isinstance(node.slice, ast.Constant) and _is_a_database(node))
    return {index for index in indexes if isinstance(index, str)} & NAMES


def _is_a_database(node: ast.Subscript) -> bool:
    return not isinstance(node.value, ast.Name) or "database" in node.value.id or node.value.id == "articles"


@pytest.mark.parametrize("path", ELSEWHERE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_collection_is_named_outside_the_store(path: Path) -> None:
    assert collections(ast.parse(path.read_text("utf-8"))) == set()


def test_a_collection_by_its_name_is_seen() -> None:
    assert collections(ast.parse('database["articles"].find_one()')) == {"articles"}

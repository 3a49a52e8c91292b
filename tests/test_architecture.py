"""Who may import whom. The layers are folders; an arrow that is not in the table fails here."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "freellm_cli"
MODULES = sorted(PACKAGE.rglob("*.py"))

MAY_IMPORT = {
    "core": set(),
    "storage": {"core"},
    "transport": {"core"},
    "simulator": {"core"},
    "providers": {"core"},
    "services": {"core", "storage", "transport", "providers", "simulator"},
    "cli": {"core", "services", "server"},
    "server": {"core", "services"},
}
CORE_NEVER = {
    "os", "time", "random", "socket", "sqlite3", "threading", "pathlib", "subprocess", "tempfile",
    "shutil", "http", "urllib", "ssl", "logging", "multiprocessing", "asyncio", "secrets",
}  # fmt: skip
CORE_MAY_USE_OUTSIDE = {"zoneinfo"}
SERVICES_NEVER = {"typer", "rich", "http.server", "prompt_toolkit"}
# The command line, the hot path of which these would slow down (milliseconds of start-up, measured).
HOT_NEVER_AT_TOP = {
    "dataclasses", "inspect", "pathlib", "typer", "rich", "requests", "logging", "subprocess",
    "importlib.metadata", "platformdirs", "asyncio", "zoneinfo", "tomlkit", "tomli_w", "ssl",
}  # fmt: skip
HOT_LAYERS = {"core", "storage", "transport", "providers"}
COLD_MODULES = {"providers/catalog_compiler.py", "providers/catalog_docs.py"}
THIRD_PARTY_ROOMS = {
    "sqlite3": {"storage"},
    "tomlkit": {"storage"},
    "tomli_w": {"storage"},
    "rich": {"cli"},
    "typer": {"cli"},
    "http.client": {"transport"},
    "prometheus_client": {"server"},
}


def layer_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def functions_of(path: Path) -> dict[str, int]:
    """How many lines each has between its docstring and its end."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body:
                found[node.name] = (node.end_lineno or 0) - body[0].lineno + 1
    return found


def imports_of(path: Path, *, top_only: bool = False) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = _top_level(tree) if top_only else list(ast.walk(tree))
    names = []
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def _top_level(tree: ast.Module) -> list[ast.stmt]:
    """Statements that run at import: those under `if TYPE_CHECKING:` do not."""
    return [node for node in tree.body if not isinstance(node, ast.If)]


def is_in(name: str, modules: set[str]) -> bool:
    return any(name == module or name.startswith(module + ".") for module in modules)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_layer_may(path: Path) -> None:
    layer = layer_of(path)
    if not layer:
        return
    allowed = {f"freellm_cli.{other}" for other in {*MAY_IMPORT[layer], layer}}
    for name in imports_of(path):
        if name.startswith("freellm_cli.") and name != "freellm_cli.__version__":
            assert is_in(name, allowed), f"{layer} may not import {name}"


@pytest.mark.parametrize(
    "path", [p for p in MODULES if layer_of(p) == "core"], ids=lambda path: path.name
)
def test_core_is_pure(path: Path) -> None:
    for name in imports_of(path):
        assert not is_in(name, CORE_NEVER), f"core may not import {name}"
        root = name.split(".")[0]
        assert root in sys.stdlib_module_names or root == "freellm_cli", f"third party: {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_libraries_stay_in_their_rooms(path: Path) -> None:
    layer = layer_of(path)
    for name in imports_of(path):
        for library, rooms in THIRD_PARTY_ROOMS.items():
            if is_in(name, {library}):
                assert layer in rooms, f"{name} belongs to {sorted(rooms)}"
        if layer == "services":
            assert not is_in(name, SERVICES_NEVER), f"services may not import {name}"


@pytest.mark.parametrize(
    "path",
    [
        p
        for p in MODULES
        if layer_of(p) in HOT_LAYERS and p.relative_to(PACKAGE).as_posix() not in COLD_MODULES
    ],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_the_hot_path_imports_nothing_heavy_at_its_top(path: Path) -> None:
    for name in imports_of(path, top_only=True):
        assert not is_in(name, HOT_NEVER_AT_TOP), f"{name} is imported at the top"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_stay_small_and_named(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= 400, f"{lines} lines: which two ideas share this room?"
    long = {name: size for name, size in functions_of(path).items() if size > 40}
    assert not long, "which two things are done here?"
    assert not {path.stem} & {"utils", "util", "helpers", "common", "manager"}

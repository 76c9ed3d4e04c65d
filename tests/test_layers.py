"""The rooms of the package and who may know whom, read from the source without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import cnnref

PACKAGE = Path(cnnref.__file__).parent
SOURCES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
#: Every file by the dotted name of its module below cnnref; a package by that of its folder.
MODULES = {".".join(source.with_suffix("").parts).removesuffix("__init__").rstrip("."): source for source in SOURCES}
ROOMS = {path.parts[0].removesuffix(".py") for path in SOURCES} - {"__init__"}
FOUNDATION = {
    "arrays",
    "centring",
    "environment",
    "errors",
    "files",
    "notebooks",
    "pictures",
    "plots",
    "stored_pictures",
    "version",
}
COMMAND_LINE = {"__main__", "cli", "commands", "quickstart", "tables"}
HEAVY = {"keras", "tensorflow", "jax", "torch"}
DIFFLIB = Path("errors.py")


@cache
def imports(source: Path) -> list[tuple[str, bool]]:
    """(module, whether inside a function) of every import; modules of cnnref by their full dotted names."""
    tree = ast.parse((PACKAGE / source).read_text(encoding="utf-8"))
    package = ("cnnref", *source.parent.parts)

    def visit(node: ast.AST, inside: bool) -> Iterator[tuple[str, bool]]:
        if isinstance(node, ast.Import):
            yield from ((alias.name, inside) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            full = [*base, *(node.module.split(".") if node.module else ())]
            # `from . import x` names a module, `from .x import y` mostly a thing in one; both are looked at.
            yield from ((".".join([*full, alias.name]), inside) for alias in node.names)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))

    return list(visit(tree, False))


def module_of(name: str) -> str | None:
    """The module below cnnref that an imported name is or lies in; None for other libraries and the package itself."""
    parts = name.split(".")
    if parts[0] != "cnnref":
        return None
    known = (".".join(parts[1:end]) for end in range(len(parts), 1, -1))
    return next((module for module in known if module in MODULES), None)


def sources_of(room: str) -> list[Path]:
    return [source for source in SOURCES if source.parts[0].removesuffix(".py") == room]


def known_rooms(room: str) -> set[str]:
    """The other rooms that a room imports from, anywhere in its files."""
    names = [module.split(".") for source in sources_of(room) for module, _ in imports(source)]
    inner = {parts[1] for parts in names if parts[0] == "cnnref" and len(parts) > 1}
    return (inner & ROOMS) - {room}


@cache
def known_files() -> dict[str, set[str]]:
    """For each file of the package, the files that it imports from, at its top or inside a function.

    The `__init__.py` of a folder is left out: it lists the names of its files, and each is loaded at first use.
    """
    return {
        module: {found for name, _ in imports(source) if (found := module_of(name))} - {module}
        for module, source in MODULES.items()
        if source.name != "__init__.py"
    }


def known_neighbours(folder: str) -> dict[str, set[str]]:
    """For each file and each folder that lies in a folder, those beside it that it, or a file in it, imports from."""
    inside = f"{folder}." if folder else ""

    def place(module: str) -> str | None:
        return module.removeprefix(inside).partition(".")[0] if module.startswith(inside) else None

    found: dict[str, set[str]] = {}
    for module, others in known_files().items():
        if own := place(module):
            found.setdefault(own, set()).update({at for other in others if (at := place(other)) and at != own})
    return found


def order_of(graph: Mapping[str, set[str]]) -> list[str]:
    """The nodes, what is known before who knows it; raises graphlib.CycleError with the names at a circle."""
    return list(TopologicalSorter(graph).static_order())


def test_the_rooms_are_found_with_what_they_import() -> None:
    assert {"models", "data", "training", "exporters", "runtimes", "peers", "explain", "page", "cli"} <= ROOMS
    assert {"models", "data"} <= known_rooms("training")
    assert ("cnnref.environment.keras", False) in imports(Path("models/registry.py"))
    assert "exporters.contract" in known_files()["exporters.bundle"]
    assert {"contract", "onnx"} <= known_neighbours("exporters")["writers"]


def test_no_room_imports_from_one_that_imports_from_it() -> None:
    assert set(order_of({room: known_rooms(room) for room in ROOMS})) == ROOMS


def test_no_file_imports_from_one_that_imports_from_it() -> None:
    assert set(order_of(known_files())) >= {"training.trainer", "exporters.bundle"}


@pytest.mark.parametrize("folder", sorted(name for name, at in MODULES.items() if at.name == "__init__.py"))
def test_in_a_folder_nothing_imports_from_what_imports_from_it(folder: str) -> None:
    order_of(known_neighbours(folder))


@pytest.mark.parametrize(
    ("room", "may_know"),
    [
        ("errors", set()),
        ("version", set()),
        ("environment", {"errors"}),
        ("files", {"errors"}),
        ("centring", set()),
        ("pictures", {"centring", "errors", "files"}),
        ("plots", {"environment", "errors", "files"}),
        ("arithmetic", FOUNDATION),
        ("models", FOUNDATION),
        ("data", FOUNDATION),
        ("weights", FOUNDATION),
        ("convert", {*FOUNDATION, "arithmetic", "models", "weights"}),
        ("runtimes", FOUNDATION),
        ("explain", {*FOUNDATION, "arithmetic", "models", "data", "runtimes"}),
        ("page", {*FOUNDATION, "arithmetic", "models", "data", "runtimes", "explain"}),
        ("training", {*FOUNDATION, "arithmetic", "models", "weights", "convert", "data", "runtimes"}),
        ("exporters", {*FOUNDATION, "arithmetic", "models", "weights", "convert", "data", "runtimes", "training"}),
        ("peers", {*FOUNDATION, "models", "runtimes"}),
        ("tables", {*FOUNDATION, "arithmetic", "models", "weights", "runtimes", "training"}),
    ],
)
def test_a_room_knows_only_the_rooms_below_it(room: str, may_know: set[str]) -> None:
    assert known_rooms(room) <= may_know


@pytest.mark.parametrize("room", sorted(ROOMS - COMMAND_LINE))
def test_nobody_imports_the_command_line(room: str) -> None:
    assert not known_rooms(room) & COMMAND_LINE


@pytest.mark.parametrize(
    "room", ["arithmetic", "data", "weights", "runtimes", "pictures", "files", "errors", "environment"]
)
def test_rooms_without_a_network_import_no_backend_when_they_are_imported(room: str) -> None:
    for source in sources_of(room):
        early = {module.split(".")[0] for module, inside in imports(source) if not inside} & HEAVY
        # The one door to Keras names it for type checkers alone; test_environment.py runs the import.
        assert early <= ({"keras"} if room == "environment" else set()), source


def test_only_the_saved_model_runtime_uses_tensorflow_to_run_a_model() -> None:
    users = {
        source.as_posix()
        for room in ("arithmetic", "data", "weights", "runtimes")
        for source in sources_of(room)
        if HEAVY & {module.split(".")[0] for module, _ in imports(source)}
    }
    assert users <= {"runtimes/saved_model.py"}


def test_no_room_imports_from_the_package_that_holds_it() -> None:
    names = {name for name in cnnref.__all__ if name not in ROOMS}
    found = [
        (source, name) for source in SOURCES for name, _ in imports(source) if name.removeprefix("cnnref.") in names
    ]
    assert [one for one in found if one[1].startswith("cnnref.") and one[0].parts[0] != "__init__.py"] == []


def test_close_names_are_looked_for_in_one_place() -> None:
    assert [source for source in SOURCES if any(name == "difflib" for name, _ in imports(source))] == [DIFFLIB]


def test_every_room_says_what_it_is_for_and_how_to_add_to_it() -> None:
    rooms = {source.parts[0] for source in SOURCES if len(source.parts) > 1} | {"recipes"}
    assert rooms >= {"arithmetic", "models", "training", "exporters", "page"}
    for room in sorted(rooms):
        text = (PACKAGE / room / "README.md").read_text(encoding="utf-8")
        assert text.startswith("# "), room
        assert "## How to add" in text, room
        assert "\n1. " in text, room


def test_what_the_quick_tests_leave_out_is_named_after_tests_that_exist(pytestconfig: pytest.Config) -> None:
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (Path(__file__).parent).rglob("test_*.py"))
    table = next(
        plugin for plugin in pytestconfig.pluginmanager.get_plugins() if hasattr(plugin, "KEPT_BY_QUICK_TESTS")
    )
    assert table.KEPT_BY_QUICK_TESTS
    assert [name for name in table.KEPT_BY_QUICK_TESTS if f"def {name}(" not in tests] == []

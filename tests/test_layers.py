"""The rooms of the package and who may know whom, read from the source without running it."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import cnnref

PACKAGE = Path(cnnref.__file__).parent
SOURCES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
ROOMS = {path.parts[0].removesuffix(".py") for path in SOURCES} - {"__init__"}
FOUNDATION = {"environment", "errors", "files", "lazy", "pictures"}
HEAVY = {"keras", "tensorflow", "jax", "torch"}


def imports(source):
    """(module, whether inside a function) of every import; modules of cnnref by their full dotted names."""
    tree = ast.parse((PACKAGE / source).read_text(encoding="utf-8"))
    package = ("cnnref", *source.parent.parts)

    def visit(node, inside):
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


def sources_of(room):
    return [source for source in SOURCES if source.parts[0].removesuffix(".py") == room]


def known_rooms(room):
    """The other rooms that a room imports from, anywhere in its files."""
    names = [module.split(".") for source in sources_of(room) for module, _ in imports(source)]
    inner = {parts[1] for parts in names if parts[0] == "cnnref" and len(parts) > 1}
    return (inner & ROOMS) - {room}


def test_the_rooms_are_found_with_what_they_import():
    assert {"models", "data", "training", "export", "runtimes", "arithmetic", "explain", "commands", "cli"} <= ROOMS
    assert {"models", "data", "explain"} <= known_rooms("training")
    assert ("cnnref.environment.keras", False) in imports(Path("models/registry.py"))


def test_no_room_imports_from_one_that_imports_from_it():
    order = list(TopologicalSorter({room: known_rooms(room) for room in ROOMS}).static_order())  # raises at a cycle
    assert set(order) == ROOMS


@pytest.mark.parametrize(
    ("room", "may_know"),
    [
        ("errors", set()),
        ("environment", set()),
        ("files", {"errors"}),
        ("pictures", {"errors", "files"}),
        ("arithmetic", {"errors"}),
        ("models", FOUNDATION),
        ("data", FOUNDATION),
        ("runtimes", FOUNDATION),
        ("explain", {*FOUNDATION, "arithmetic", "models", "data", "runtimes"}),
        ("training", {*FOUNDATION, "arithmetic", "models", "convert", "data", "explain", "runtimes"}),
        ("export", ROOMS - {"cli", "commands", "quickstart", "tables"}),
    ],
)
def test_a_room_knows_only_the_rooms_below_it(room, may_know):
    assert known_rooms(room) <= may_know


@pytest.mark.parametrize("room", sorted(ROOMS - {"cli"}))
def test_nobody_imports_the_command_line(room):
    assert not known_rooms(room) & {"cli", "commands"}


@pytest.mark.parametrize("room", ["arithmetic", "data", "runtimes", "pictures", "files", "errors", "environment"])
def test_rooms_without_a_network_import_no_backend_when_they_are_imported(room):
    for source in sources_of(room):
        early = {module.split(".")[0] for module, inside in imports(source) if not inside} & HEAVY
        # The one door to Keras names it for type checkers alone; test_environment.py runs the import.
        assert early <= ({"keras"} if room == "environment" else set()), source


def test_only_the_saved_model_runtime_uses_tensorflow_to_run_a_model():
    users = {
        source.as_posix()
        for room in ("arithmetic", "data", "runtimes")
        for source in sources_of(room)
        if HEAVY & {module.split(".")[0] for module, _ in imports(source)}
    }
    assert users <= {"runtimes/saved_model.py"}


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_no_file_is_longer_than_300_lines(source):
    assert len((PACKAGE / source).read_text(encoding="utf-8").splitlines()) <= 300

"""Every cell of the notebooks runs, and what they say comes out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "scripts" / "notebooks"
SAYS = {
    "1_build_and_look": "conv2",
    "2_train_and_compare": "choose",
    "3_export_and_deploy": "all files hold",
    "4_arithmetic": "multiplications = 240000",
}


def program(notebook: Path) -> str:
    """The code cells, one after the other; the value at the end of a cell is printed, as Jupyter shows it."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    show = (
        "import ast\n"
        "def run_cell(source, names):\n"
        "    tree = ast.parse(source)\n"
        "    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None\n"
        "    exec(compile(tree, 'cell', 'exec'), names)\n"
        "    if last is not None:\n"
        "        print(eval(compile(ast.Expression(last.value), 'cell', 'eval'), names))\n"
    )
    return f"{show}names = {{}}\nfor cell in {code!r}: run_cell(cell, names)\n"


def test_the_notebooks_are_those_that_are_run_and_hold_no_output() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == SAYS.keys()
    for path in FOLDER.glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        assert all(not cell.get("outputs") for cell in cells)
        assert path.name in (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", SAYS)
def test_a_notebook_runs_from_top_to_bottom(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program(FOLDER / f"{name}.ipynb")],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert SAYS[name] in done.stdout

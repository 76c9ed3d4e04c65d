"""The bundler puts scripts in the order of their imports, and refuses those that do not fit together."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnnref.page.bundle_scripts import BundleError, bundle_scripts, ordered_files, small_style
from cnnref.page.compact import compact_script


def write(folder: Path, **scripts: str) -> Path:
    """Write a file for each script; the path of the first."""
    for name, text in scripts.items():
        (folder / f"{name}.js").write_text(text, encoding="utf-8")
    return folder / f"{next(iter(scripts))}.js"


def test_a_script_comes_after_what_it_imports(tmp_path: Path) -> None:
    entry = write(
        tmp_path,
        a='import { b } from "./b.js";\nimport { c } from "./c.js";\nb(c);\n',
        b='import { c } from "./c.js";\nexport function b() {}\n',
        c="export const c = 1;\n",
    )
    assert [file.name for file in ordered_files(entry)] == ["c.js", "b.js", "a.js"]
    expected = '"use strict";\nconst c = 1;\n\nfunction b() {}\n\nb(c);\n'
    assert bundle_scripts(entry) == expected
    assert "const c" not in bundle_scripts(entry, without=[(tmp_path / "c.js").resolve()])


def test_comments_and_types_are_not_in_the_page(tmp_path: Path) -> None:
    script = """// What the file is for.
/**
 * A sum; 2 * 3 is no end of a comment.
 * @type {(a: number) => number}
 */
export const more = (a) => /** @type {number} */ (a) * 2; // at the end of a line
  // about the next line
const path = "a//b/*c // d"; // it's a path
"""
    expected = 'const more=(a)=>(a)*2;\nconst path="a//b/*c // d";\n'
    assert compact_script(bundle_scripts(write(tmp_path, a=script))) == '"use strict";\n' + expected


@pytest.mark.parametrize(
    ("scripts", "said"),
    [
        (
            {
                "a": 'import { b } from "./b.js";\nexport const a = b;\n',
                "b": 'import { a } from "./a.js";\nexport const b = a;\n',
            },
            r"circle: a\.js -> b\.js -> a\.js",
        ),
        ({"a": 'import { b } from "./b.js";\n', "b": "const b = 1;\n"}, r"imports b from b\.js, which does not export"),
        ({"a": 'import { b } from "./b.js";\nconst c = b;\n', "b": "export const b = 1, d = 2;\nconst c = 1;\n"},
         r"b\.js and a\.js both declare c"),
        ({"a": 'import { b } from "./b.js";\n'}, r"no file .*b\.js"),
        ({"a": "export default 1;\n"}, "does not understand: export default 1"),
    ],
)  # fmt: skip
def test_scripts_that_do_not_fit_together_are_refused(tmp_path: Path, scripts: dict[str, str], said: str) -> None:
    with pytest.raises(BundleError, match=said):
        bundle_scripts(write(tmp_path, **scripts))


def test_styles_lose_their_comments_and_indentation() -> None:
    assert small_style("/* one\n two */\na {\n  b: 0.5c;\n}\n\nd { e: f 10.5px }\n") == "a{b:.5c}d{e: f 10.5px}"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("if (a) {\n  // why\n\n  b( c ); // and how\n}\n", "if(a){b(c);}\n"),
        ("f(\n  a,\n  [b,\n  ],\n)\n  .c();\nwhile (d);\ne;\n", "f(a,[b]).c();while(d);\ne;\n"),
        ('f(\n  `a,\n)`,\n  "b,",\n);\n', 'f(`a,\n)`,"b,");\n'),
        ("return a in b;", "return a in b;"),
        ("a + +b - -c;", "a+ +b- -c;"),
        ("x = 'it\\'s  //  here' + \"a  'b\" ;", "x='it\\'s  //  here'+\"a  'b\";"),
        ('`a  ${ b ? `c  d ${ { e : 1 }.e }` : "  " }  // f`;', '`a  ${b?`c  d ${{e:1}.e}`:"  "}  // f`;'),
        ('x = /[/ "]+ \\/  /g.test( y ) / 2 / z ;', 'x=/[/ "]+ \\/  /g.test(y)/2/z;'),
        ("a = /* ' */ 1;", "a=1;"),
    ],
)
def test_a_script_loses_what_only_people_read(script: str, expected: str) -> None:
    assert compact_script(script) == expected

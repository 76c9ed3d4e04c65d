"""`cnnref explain`: write a page that runs a bundle's network, or a printed report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from ..files import check_place
from .options import BUNDLE_HELP, DataDir, find_or_make


def explain(
    bundle: Annotated[str | None, typer.Argument(help=f"{BUNDLE_HELP} Not with --gallery.", show_default=False)] = None,
    other: Annotated[
        str | None, typer.Argument(help="A second bundle, to show both on one page with the same picture.")
    ] = None,
    image: Annotated[Path | None, typer.Option(help="A picture to show first.")] = None,
    out: Annotated[Path | None, typer.Option(help="The HTML file, by default NAME.html in the current folder.")] = None,
    half: Annotated[
        bool, typer.Option("--half", help="Store the weights in 16 bits: the page is half as large.")
    ] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Show the bundle's int8 file beside it, and where its errors arise.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write a report of Markdown, PNG and JSON into this folder instead of a page.")
    ] = None,
    gallery: Annotated[
        Path | None,
        typer.Option(help="Write the pages of all bundles in this folder, and an index.html, into the folder --out."),
    ] = None,
    data_dir: DataDir = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing page, report or gallery.")] = False,
) -> None:
    """Write one HTML file that runs a bundle's network and shows how every number is computed; it works offline.

    With --report, write a report to print: layers, kernels, maps, dead units, errors, and where the network looks.

    With a second bundle, both see the same picture: their answers, and their maps beside each other.

    Example: cnnref explain lenet5-mnist --image digit.png

    Example: cnnref explain --gallery saved_models --out site
    """
    from ..runtimes import read_bundle

    if gallery:
        return _gallery(gallery, out, force=force, other=bool(bundle or image or report))
    if bundle is None:
        raise InputError("Name a bundle, such as lenet5-mnist, or give --gallery with a folder of bundles.")
    read = read_bundle(find_or_make(bundle))
    if other and int8:
        raise InputError("--int8 and a second bundle are two comparisons; a page shows one: leave one of them out.")
    if (other or int8 or half) and report and not out:
        raise InputError(
            "A second bundle, --int8 and --half are for the page and not for the report; give --out as well."
        )
    if image and report and not out:
        raise InputError("--image is for the page and not for the report; give --out as well, or leave --report out.")
    if report:
        from ..explain.report.write import write_report

        check_place(report)

        def tell(text: str) -> None:
            print(text, file=sys.stderr)

        written = write_report(read, report, data_dir=data_dir, force=force, tell=tell)
        print(f"Report: {written}")
    if out or not report:
        from ..page.write import size_note, write_page

        page = out or Path(f"{read.name}.html")
        _check(page, force=force)
        second = read_bundle(find_or_make(other)) if other else None
        write_page(read, page, image=image, half=half, int8=int8, other=second)
        size = page.stat().st_size
        print(f"Page: {page} ({size:,} bytes); open it in a browser.")
        if note := size_note(size, half=half):
            print(note, file=sys.stderr)
    return None


def _gallery(folder: Path, out: Path | None, *, force: bool, other: bool) -> None:
    from ..page.gallery import write_gallery

    if out is None or other:
        raise InputError("--gallery takes a folder of bundles and --out, the folder to write, and nothing else.")
    pages = write_gallery(folder, out, force=force, tell=lambda text: print(text, file=sys.stderr))
    print(f"Gallery: {pages[0]} and {len(pages) - 1} pages; put the folder on any web server, or open it.")


def _check(path: Path, *, force: bool) -> None:
    if path.is_dir():
        raise InputError(f"{path} is a folder, and the page is a file; choose another name with --out.")
    if path.exists() and not force:
        raise InputError(f"{path} already exists; choose another file with --out, or give --force to replace it.")
    check_place(path)

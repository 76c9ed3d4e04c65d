"""`cnnref explain`: write a page that runs a bundle's network, or a printed report."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from ..files import check_place
from .options import BUNDLE_HELP, DataDir, find_or_make

if TYPE_CHECKING:
    from ..page.learning import Learning
    from ..runtimes import Bundle
    from ..runtimes.evaluate import LabelledImages


def explain(
    bundle: Annotated[
        str | None, typer.Argument(help=f"{BUNDLE_HELP} Or a run. Not with --gallery.", show_default=False)
    ] = None,
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
    snapshots: Annotated[
        bool, typer.Option("--snapshots", help="Show how a run learned, by the weights that it kept after some epochs.")
    ] = False,
    dataset: Annotated[
        str | None,
        typer.Option(help="Show the test pictures of this data set, too: what maps like, mistakes, and a map of them."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write a report of Markdown, PNG and JSON into this folder instead of a page.")
    ] = None,
    gallery: Annotated[
        Path | None,
        typer.Option(help="Write the pages of all bundles in this folder, and an index.html, into the folder --out."),
    ] = None,
    language: Annotated[str, typer.Option(help="The language of the page: en or de.")] = "en",
    data_dir: DataDir = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing page, report or gallery.")] = False,
) -> None:
    """Write one HTML file that runs a bundle's network and shows how every number is computed; it works offline.

    With --report, write a report to print: layers, kernels, maps, dead units, errors, and where the network looks.

    With a second bundle, both see the same picture: their answers, and their maps beside each other.

    Example: cnnref explain lenet5-mnist --image digit.png

    Example: cnnref explain runs/lenet5-digits --snapshots

    Example: cnnref explain lenet5-mnist --dataset mnist --data-dir ~/datasets

    Example: cnnref explain lenet5-mnist --language de

    Example: cnnref explain --gallery saved_models --out site
    """
    if gallery:
        return _gallery(gallery, out, language, force=force, other=bool(bundle or image or report))
    if bundle is None:
        raise InputError("Name a bundle, such as lenet5-mnist, or give --gallery with a folder of bundles.")
    if other and int8:
        raise InputError("--int8 and a second bundle are two comparisons; a page shows one: leave one of them out.")
    if (other or int8 or half or snapshots or dataset or language != "en") and report and not out:
        raise InputError(
            "A second bundle, --int8, --half, --snapshots, --dataset and --language are for the page and not for the "
            "report; give --out as well."
        )
    if image and report and not out:
        raise InputError("--image is for the page and not for the report; give --out as well, or leave --report out.")
    if snapshots and not _is_run(bundle):
        raise InputError(f"--snapshots shows how a run learned, and {bundle} is not the folder of a run; name one.")
    with ExitStack() as stack:
        read = stack.enter_context(_found(bundle))
        if report:
            from ..explain.report.write import write_report

            check_place(report)
            written = write_report(read, report, data_dir=data_dir, force=force, tell=_tell)
            print(f"Report: {written}")
        if out or not report:
            from ..page.write import size_note, write_page

            page = out or Path(f"{read.name}.html")
            _check(page, force=force)
            second = stack.enter_context(_found(other)) if other else None
            learning = _learning(Path(bundle)) if snapshots else None
            tested = _tested(read, dataset, data_dir) if dataset else None
            write_page(
                read,
                page,
                image=image,
                half=half,
                int8=int8,
                other=second,
                learning=learning,
                tested=tested,
                language=language,
            )
            size = page.stat().st_size
            print(f"Page: {page} ({size:,} bytes); open it in a browser.")
            if note := size_note(size, half=half):
                print(note, file=sys.stderr)
    return None


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


def _is_run(name: str) -> bool:
    """Whether this is the folder of a run, and of no bundle."""
    folder = Path(name)
    return folder.is_dir() and not (folder / "bundle.json").is_file() and (folder / "recipe.toml").is_file()


@contextmanager
def _found(name: str) -> Iterator[Bundle]:
    """The bundle of that name; of a run one that is made, and gone afterwards."""
    from ..runtimes import read_bundle

    if not _is_run(name):
        yield read_bundle(find_or_make(name))
        return
    from ..exporters import export

    with TemporaryDirectory() as folder:
        # Without a test of the file on the test set, which an export of its own would do.
        yield export(name, Path(folder) / "bundle", formats=("onnx",), precisions=("float32",))


def _tested(bundle: Bundle, name: str, data_dir: Path | None) -> LabelledImages:
    """The test pictures of a data set, which has to have the classes of the bundle."""
    from ..data import load
    from ..page.tested import held_at_most
    from ..runtimes.evaluate import LabelledImages

    data = load(name, data_dir, image_shape=bundle.shape, rule=bundle.picture)
    if data.classes != max(2, len(bundle.labels)):
        raise InputError(
            f"{data.name} has {data.classes} classes and {bundle.name} has {len(bundle.labels)}; "
            "choose another data set with --dataset."
        )
    held = held_at_most(len(data.test_labels), data.image_shape)
    _tell(f"trying the test pictures of {data.name}, of which {held:,} go into the page ...")
    return LabelledImages(data.test_images, data.test_labels, data.name)


def _learning(folder: Path) -> Learning:
    from ..exporters.snapshots import snapshot_models
    from ..page.learning import Learning
    from ..training.run import Run

    run = Run(folder)
    return Learning(snapshot_models(run), run.metrics())


def _gallery(folder: Path, out: Path | None, language: str, *, force: bool, other: bool) -> None:
    from ..page.gallery import write_gallery

    if out is None or other:
        raise InputError("--gallery takes a folder of bundles and --out, the folder to write, and nothing else.")
    pages = write_gallery(folder, out, language=language, force=force, tell=lambda text: print(text, file=sys.stderr))
    print(f"Gallery: {pages[0]} and {len(pages) - 1} pages; put the folder on any web server, or open it.")


def _check(path: Path, *, force: bool) -> None:
    if path.is_dir():
        raise InputError(f"{path} is a folder, and the page is a file; choose another name with --out.")
    if path.exists() and not force:
        raise InputError(f"{path} already exists; choose another file with --out, or give --force to replace it.")
    check_place(path)

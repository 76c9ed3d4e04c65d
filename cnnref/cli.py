"""The command line: the commands in the order of the help, and what becomes of a mistake."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import tempfile
import traceback
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from .commands.bench import bench
from .commands.convert import convert
from .commands.evaluate import evaluate
from .commands.explain import explain
from .commands.export import export
from .commands.models import models
from .commands.predict import predict
from .commands.quickstart import quickstart
from .commands.recipes import recipes
from .commands.runs import runs
from .commands.show import show
from .commands.sweep import sweep
from .commands.train import train
from .commands.verify import verify
from .commands.weights import weights
from .errors import EXPECTED, close_names, on_command_line, printable, printable_lines
from .version import __version__

#: What an error without a file, such as one of standard output, may be: a disk is full, or cannot be written.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

app = typer.Typer(
    name="cnnref",
    help="Convolutional networks in Keras 3: build, train, export, and prove that each file is the model.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Command(TyperCommand):
    """A command whose help names the kind of a value only where an option has one, which a flag has not.

    What goes wrong in it is told in words of the command line.
    """

    def parse_args(self, ctx: Any, args: Any) -> Any:
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            # Of a misspelt option the parser compares the dashes, too, and so finds --help close to many a word.
            if getattr(error, "possibilities", None):
                known = [name[2:] for param in self.get_params(ctx) for name in param.opts if name.startswith("--")]
                near = close_names(str(getattr(error, "option_name", "")).lstrip("-"), known, most=2)
                error.possibilities = [f"--{name}" for name in near]  # type: ignore[attr-defined]
            raise

    def invoke(self, ctx: Any) -> Any:
        with on_command_line():
            return super().invoke(ctx)

    def get_params(self, ctx: Any) -> Any:
        params = super().get_params(ctx)
        for param in params:
            if getattr(param, "is_bool_flag", False):
                param.metavar = ""
        return params


for command in (
    models,
    show,
    recipes,
    weights,
    train,
    runs,
    sweep,
    evaluate,
    export,
    verify,
    bench,
    predict,
    explain,
    convert,
    quickstart,
):
    app.command(cls=Command)(command)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"cnnref {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")] = False,
) -> None:
    """Options of every command; `main` reads --debug, since an error may come before this function."""


def main() -> None:
    """Run the command line; what a user can mend is one line on standard error and exit status 1."""
    stopped: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        """Ending as after an error takes away the files and folders that are not finished."""
        stopped.append(number)
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    try:
        app()
    except Exception as error:
        if stopped:  # native code in which a signal arrives may end with an error of its own
            sys.exit(128 + stopped[0])
        _tell(error)
        sys.exit(1)


def _tell(error: Exception) -> None:
    """Say in one line on standard error what was wrong; of a defect, with `--debug` the traceback."""
    if isinstance(error, EXPECTED):
        print(f"cnnref: {printable_lines(str(error))}", file=sys.stderr)
    elif isinstance(error, BrokenPipeError):  # the reader of a pipe, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    elif "--debug" in sys.argv:
        raise error
    elif isinstance(error, OSError) and error.filename:  # a path that cannot be read or written
        place, reason = printable(str(error.filename)), error.strerror or type(error).__name__
        print(f"cnnref: {place}: {reason}; check the path and its rights, or choose another.", file=sys.stderr)
    elif isinstance(error, OSError) and error.errno in NO_ROOM:
        print(
            f"cnnref: what was to be written has no place: {error.strerror}; make room, and try again.", file=sys.stderr
        )
    else:
        _report(error)


def _report(error: Exception) -> None:
    """Say in one sentence that this is a defect, and where its traceback is."""
    path = ""
    with contextlib.suppress(OSError):  # a disk may be full, and no folder for such files there
        handle, path = tempfile.mkstemp(prefix="cnnref-traceback-", suffix=".txt")
        with os.fdopen(handle, "w", errors="backslashreplace") as stream:
            traceback.print_exception(error, file=stream)
    print(
        f"cnnref: unexpected {type(error).__name__}: {printable(str(error))}. This is a defect of cnnref: please "
        f"report it with the command{f' and the file {path}' * bool(path)}; --debug before the command shows the "
        "traceback.",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()

"""The command line: the commands in the order of the help, and what becomes of a mistake."""

from __future__ import annotations

import sys

import typer

from .commands.bench import bench
from .commands.convert import convert
from .commands.evaluate import evaluate
from .commands.explain import explain
from .commands.export import export
from .commands.models import models
from .commands.predict import predict
from .commands.quickstart import quickstart
from .commands.show import show
from .commands.sweep import sweep
from .commands.train import train
from .commands.verify import verify
from .errors import EXPECTED

app = typer.Typer(
    name="cnnref",
    help="Convolutional networks in Keras 3: build, train, export, and prove that each file is the model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (models, show, train, sweep, evaluate, export, verify, bench, predict, explain, convert, quickstart):
    app.command()(command)


def main() -> None:
    """Run the command line; what a user can mend is one line on standard error and exit status 1."""
    try:
        app()
    except EXPECTED as error:
        print(f"cnnref: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()

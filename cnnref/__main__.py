"""`python -m cnnref` is the command `cnnref`."""

from .cli import main

main()

"""The errors that a user can mend: each message is one sentence that says what was wrong, where, and what to do."""


class InputError(ValueError):
    """Something that was handed in (a name, a shape, a file, an option) cannot be used as it is."""


class DatasetError(InputError):
    """A data set is missing, damaged, or not what it says it is."""


class DivergedError(InputError):
    """A training run met a number that is not finite."""


class ExportError(RuntimeError):
    """A model cannot be written in the asked-for format, or the written file is not the model."""


class VerificationError(RuntimeError):
    """A file of a bundle does not hold what the bundle promises."""


#: What the command line turns into one line on standard error; anything else is a defect and keeps its traceback.
EXPECTED = (InputError, ExportError, VerificationError)

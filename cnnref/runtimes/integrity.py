"""Whether the files of a bundle are those that bundle.json lists, and no others."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import VerificationError, printable
from ..files import sha256_of
from .bundle import MANIFEST, REPORT, SIGNED, Artifact, Bundle
from .report import FAILED

#: The model as Keras reads it, which every bundle has.
KERAS_FILE = "model.keras"


def damage(bundle: Bundle, name: str) -> list[str]:
    """What is wrong with the bytes of an artifact or another listed file; empty if they are those of bundle.json."""
    parts = bundle.parts(name)
    problems = [] if parts else ["bundle.json lists no size and sha256 for it"]
    for file, facts in parts.items():
        which, path = "it" if file == name else file, bundle.folder / file
        if not path.is_file():
            problems.append(f"{which} is missing")
        elif (found := path.stat().st_size) != facts.bytes:
            cut = " (it is cut short)" if found < facts.bytes else ""
            problems.append(f"{which} should have {facts.bytes} bytes and has {found}{cut}")
        elif sha256_of(path) != facts.sha256:
            problems.append(f"{which} has another sha256 than bundle.json lists, so its content has changed")
    if (bundle.folder / name).is_dir():  # its empty folders count for nothing: TensorFlow makes some
        inside = sorted(path.relative_to(bundle.folder).as_posix() for path in _leaves(bundle.folder / name))
        problems += [f"{printable(file)} is not listed in bundle.json" for file in inside if file not in parts]
    return problems


def require_listed(bundle: Bundle, name: str) -> None:
    """Refuse an artifact whose bytes are not those that bundle.json lists, before a runtime reads it.

    Raises:
        VerificationError: one is missing, or has another size or SHA-256; or the folder has a file besides.
    """
    if problems := damage(bundle, name):
        raise VerificationError(f"{name}: {problems[0]}; it is not run. Export the bundle again.")


def whole_file(bundle: Bundle, artifact: Artifact) -> Path | None:
    """The float32 file that a reduced .onnx or .tflite was made beside, if it is there and the listed file."""
    if artifact.format not in ("onnx", "tflite") or artifact.precision == "float32":
        return None
    for other in bundle.artifacts.values():
        if (other.format, other.precision) == (artifact.format, "float32") and not damage(bundle, other.name):
            return bundle.folder / other.name
    return None


def model_file(bundle: Bundle) -> Path:
    """model.keras of a bundle, which Keras may read: it is the file that bundle.json lists.

    Raises:
        VerificationError: see `require_listed`.
    """
    require_listed(bundle, KERAS_FILE)
    return bundle.folder / KERAS_FILE


def unlisted(bundle: Bundle) -> list[str]:
    """Files and folders that bundle.json does not list, by their paths in the bundle; a folder stands for all in it.

    The signature, the report of a verification and the files that failed one are not listed by anybody; what is in the
    folder of an artifact, `damage` looks at.
    """
    above = {str(parent) for file in bundle.files for parent in Path(file).parents}
    found: list[str] = []
    for place, folders, files in os.walk(bundle.folder):
        inside = Path(place).relative_to(bundle.folder)
        for name in sorted([*folders, *files]):
            path = (inside / name).as_posix()
            known = path in bundle.files or path in above or path in (MANIFEST, REPORT, SIGNED) or name.endswith(FAILED)
            if not known and path not in bundle.artifacts:
                found.append(path)
            if name in folders and (path not in above or path in bundle.artifacts):
                folders.remove(name)
    return found


def _leaves(folder: Path) -> list[Path]:
    """Whatever is below a folder and no folder itself; links are not followed."""
    return [Path(place) / name for place, _, files in os.walk(folder) for name in files]

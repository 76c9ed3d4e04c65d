"""The signature of a bundle, `model.sig`: who made it, which hashes cannot show, because whoever changes a file can
make them again.

The signature is that of the library model-signing (OpenSSF Model Signing, an in-toto statement in a Sigstore bundle)
with an elliptic key on disk; nothing goes over a network. It covers every file but itself and report.json, which each
verification writes anew.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import re
from pathlib import Path
from typing import Any

from ..errors import InputError, VerificationError, printable
from ..files import read_regular
from .bundle import MANIFEST, REPORT, SIGNED
from .manifest import read_bundle

#: The password of a private key that has one.
PASSWORD = "CNNREF_KEY_PASSWORD"
#: The most bytes of a key and of a signature, which has about 150 for each file.
LARGEST_KEY, LARGEST_SIGNATURE = 64 << 10, 16 << 20
#: How the library says which files are others than those that were signed. It prints a list as Python would, so the
#: apostrophes have backslashes when the bytes of a hash have apostrophes.
MISMATCH = re.compile(r"(Hash mismatch for) \\*'([^'\\]+)|((?:Extra|Missing) files [^\"]+)")
#: Commands that make a pair of keys.
HINT = "make one with `openssl ecparam -name prime256v1 -genkey -noout -out key.pem`"


def require_private_key(key: str | Path) -> None:
    """Refuse a key that cannot sign, before an export spends minutes for nothing.

    Raises:
        InputError: the library is not installed; or the file cannot be read, or is no private elliptic key.
    """
    _signer(key)


def sign(folder: Path, name: str, key: str | Path) -> None:
    """Write the signature of all that is in a folder.

    Args:
        folder: the folder of a bundle.
        name: what the bundle's folder is called, which the signature repeats for people; nothing depends on it.
        key: the file of a private elliptic key (P-256, P-384 or P-521) in PEM. The password of one that has a password
            is in the environment variable `CNNREF_KEY_PASSWORD`.

    Raises:
        InputError: see `require_private_key`.
    """
    signer = _signer(key)
    import model_signing

    class Named(model_signing.hashing.Config):
        """The hashes of a folder that does not have its name yet."""

        def hash(self, *given: Any, **named: Any) -> Any:
            found = super().hash(*given, **named)
            found._name = name
            return found

    signer.set_hashing_config(Named().set_ignored_paths(paths=(SIGNED, REPORT), ignore_git_paths=False))
    signer.sign(folder, folder / SIGNED)


def check_signature(folder: Path, key: str | Path) -> int:
    """Check that a bundle is, to the last byte of every file, what the owner of a key has signed.

    Args:
        folder: the folder of a bundle. Nothing in it is read but the signature and what the hashes are made of.
        key: the file of the signer's public key in PEM, from a source that you trust, not from the bundle.

    Returns:
        The number of files that are signed: all but the signature itself and report.json.

    Raises:
        InputError: the library is not installed; or the file cannot be read, or is no public elliptic key; or what was
            signed is no bundle.
        VerificationError: there is no signature, it was made by another key or for other files, or a file was changed,
            added or removed.
    """
    library, path = _library(), folder / SIGNED
    _read_key(key)
    try:
        checker = library.verifying.Config().use_elliptic_key_verifier(public_key=key)
    except Exception as error:  # whatever the library says of a file that is no key
        raise InputError(
            f"{key} is no public elliptic key in PEM ({_words(error)}); make it from the private one with `openssl ec "
            "-in key.pem -pubout -out key.pub`."
        ) from None
    if not path.is_file():
        raise VerificationError(f"{SIGNED}: it is missing, so nothing shows who made {folder}; nothing was run.")
    try:
        content = read_regular(path, LARGEST_SIGNATURE, "signature")
        config = library.hashing.Config().set_ignored_paths(paths=(SIGNED, REPORT), ignore_git_paths=False)
        with contextlib.redirect_stdout(io.StringIO()):
            checker.set_hashing_config(config).verify(folder, path)
        statement = json.loads(base64.b64decode(json.loads(content)["dsseEnvelope"]["payload"]))
        signed = {str(entry["name"]) for entry in statement["predicate"]["resources"]}
    except Exception as error:  # the file is anybody's, and whatever goes wrong with it is no proof
        raise VerificationError(
            f"{SIGNED}: it is not a signature of these files by the owner of {key} ({_words(error)}); nothing was run."
        ) from None
    # A signature may say that it leaves out more files than ours do.
    if missing := sorted({MANIFEST, *read_bundle(folder).files} - signed):
        raise VerificationError(f"{SIGNED}: it does not cover {printable(missing[0])}; nothing was run.")
    return len(signed)


def _signer(key: str | Path) -> Any:
    """What signs with a key."""
    library = _library()
    _read_key(key)
    password = os.environ.get(PASSWORD)
    try:
        return library.signing.Config().use_elliptic_key_signer(
            private_key=key, password=password.encode() if password else None
        )
    except Exception as error:  # whatever the library says of a file that is no key
        raise InputError(
            f"{key} is no private elliptic key in PEM that can be read ({_words(error)}); {HINT}, and give the "
            f"password of a key that has one in {PASSWORD}."
        ) from None


def _read_key(key: str | Path) -> None:
    """Refuse what is no regular file of the size of a key."""
    try:
        read_regular(Path(key), LARGEST_KEY, "key in PEM")
    except OSError as error:
        raise InputError(f"The key {key} cannot be read ({error.strerror or error}); {HINT}.") from None


def _library() -> Any:
    """The library, which is imported only by those who sign or check."""
    try:
        import model_signing
    except ImportError as error:
        raise InputError(
            f"Signatures need the library model-signing ({error}); install it with: pip install 'cnnref[signing]'."
        ) from None
    return model_signing


def _words(error: Exception) -> str:
    """What an error of the library says, on one line and without the bytes of hashes."""
    found = [listed or f"{words} '{name}'" for words, name, listed in MISMATCH.findall(str(error))]
    text = "; ".join(found) or " ".join(str(error).split()) or type(error).__name__
    return printable(text, 500).rstrip(". ")

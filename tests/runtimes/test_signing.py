"""A signature shows who made a bundle: every way to tamper with one is refused, also with all hashes made anew."""

from __future__ import annotations

import base64
import importlib.util
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from in_process import verify

from cnnref.errors import InputError, VerificationError
from cnnref.exporters.proof import write_manifest
from cnnref.runtimes import quarantine_failures
from cnnref.runtimes.signing import PASSWORD, require_private_key, sign

#: Files that are quick to check; the signature is of all files, whatever is run.
FEW = ["labels.txt", "samples.npz"]
if importlib.util.find_spec("model_signing") is None:
    pytest.skip("model-signing is not installed: pip install 'cnnref[signing]'", allow_module_level=True)


def pair(folder: Path, name: str, password: bytes | None = None) -> Path:
    """A private key FOLDER/NAME.pem, and its public one FOLDER/NAME.pub."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    (folder / f"{name}.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, hidden))
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{name}.pub").write_bytes(public)
    return folder / f"{name}.pem"


@pytest.fixture
def signed(bundle: Path, tmp_path: Path) -> Path:
    """A bundle that is signed with `mine`."""
    sign(bundle, "tiny", pair(tmp_path, "mine"))
    return bundle


def remade(bundle: Path) -> None:
    """Make all hashes of bundle.json anew."""
    document = json.loads((bundle / "bundle.json").read_bytes())
    del document["files"]
    write_manifest(bundle, document)


def changed_byte(bundle: Path) -> None:
    path = bundle / "model.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def changed_byte_and_manifest(bundle: Path) -> None:
    changed_byte(bundle)
    remade(bundle)


def changed_fact(bundle: Path) -> None:
    document = json.loads((bundle / "bundle.json").read_bytes())
    document["license"] = "MIT"
    (bundle / "bundle.json").write_text(json.dumps(document))


def added(bundle: Path) -> None:
    (bundle / "more.txt").write_text("x")


def added_hidden(bundle: Path) -> None:
    (bundle / ".gitattributes").write_text("x")


def added_and_listed(bundle: Path) -> None:
    added(bundle)
    remade(bundle)


def removed(bundle: Path) -> None:
    (bundle / "labels.txt").unlink()


def removed_and_manifest(bundle: Path) -> None:
    removed(bundle)
    remade(bundle)


def renamed(bundle: Path) -> None:
    (bundle / "model.onnx").rename(bundle / "model.onnx.failed")


def linked(bundle: Path) -> None:
    (bundle / "samples.npz").rename(bundle.parent / "samples.npz")
    (bundle / "samples.npz").symlink_to(bundle.parent / "samples.npz")


def missing(bundle: Path) -> None:
    (bundle / "model.sig").unlink()


def empty(bundle: Path) -> None:
    (bundle / "model.sig").write_bytes(b"")


def deep(bundle: Path) -> None:
    (bundle / "model.sig").write_text("[" * 100_000)


def signed_by_another(bundle: Path) -> None:
    sign(bundle, "tiny", pair(bundle.parent, "theirs"))


def of_another_bundle(bundle: Path) -> None:
    other = Path(shutil.copytree(bundle, bundle.parent / "other"))
    changed_fact(other)
    sign(other, "tiny", bundle.parent / "mine.pem")
    shutil.copy(other / "model.sig", bundle / "model.sig")


def statement(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Change what a signature says without signing it again."""

    def change_it(bundle: Path) -> None:
        content = json.loads((bundle / "model.sig").read_bytes())
        said = json.loads(base64.b64decode(content["dsseEnvelope"]["payload"]))
        change(said)
        content["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(said).encode()).decode()
        (bundle / "model.sig").write_text(json.dumps(content))

    return change_it


def without_signatures(bundle: Path) -> None:
    content = json.loads((bundle / "model.sig").read_bytes())
    content["dsseEnvelope"]["signatures"] = []
    (bundle / "model.sig").write_text(json.dumps(content))


def by_no_key_in_particular(bundle: Path) -> None:
    """Another's signature that does not say by whose key it is."""
    signed_by_another(bundle)
    content = json.loads((bundle / "model.sig").read_bytes())
    content["verificationMaterial"]["publicKey"]["hint"] = None
    (bundle / "model.sig").write_text(json.dumps(content))


def signed_without_the_manifest(bundle: Path) -> None:
    """A true signature of the right key that leaves out what matters."""
    import model_signing

    config = model_signing.hashing.Config().set_ignored_paths(
        paths=("model.sig", "report.json", "bundle.json", "model.onnx")
    )
    signer = model_signing.signing.Config().use_elliptic_key_signer(private_key=bundle.parent / "mine.pem")
    signer.set_hashing_config(config).sign(bundle, bundle / "model.sig")
    changed_byte_and_manifest(bundle)


TAMPERED = (
    *(changed_byte, changed_byte_and_manifest, changed_fact, added, added_hidden, added_and_listed),
    *(removed, removed_and_manifest, renamed, linked, missing, empty, deep, signed_by_another, of_another_bundle),
    *(without_signatures, by_no_key_in_particular, signed_without_the_manifest),
    statement(lambda said: said["predicate"]["resources"].pop()),
    statement(lambda said: said["predicate"]["serialization"].update(ignore_paths=["."])),
    statement(lambda said: said["predicate"]["resources"][0].update(digest="0" * 64)),
)


def test_what_the_owner_of_the_key_signed_holds_also_after_a_verification(signed: Path) -> None:
    report = verify(signed, only=FEW, key=signed.parent / "mine.pub")
    assert report.ok
    quarantine_failures(report, signed)  # writes report.json, which is not signed
    report = verify(signed, key=signed.parent / "mine.pub")
    (check,) = (check for check in report.checks if check.file == "model.sig")
    assert report.ok
    assert "has signed bundle.json and all" in check.note
    (check,) = (check for check in verify(signed).checks if check.file == "model.sig")
    assert (check.status, "no public key" in check.note) == ("not checked", True)
    remade(signed)
    assert "model.sig" not in json.loads((signed / "bundle.json").read_bytes())["files"]


@pytest.mark.parametrize("tamper", TAMPERED, ids=lambda tamper: tamper.__name__)
def test_whatever_is_changed_is_no_longer_signed(
    tamper: Callable[[Path], None], signed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper(signed)
    with pytest.raises(VerificationError, match=r"model\.sig: .*nothing was run") as caught:
        verify(signed, only=FEW, key=signed.parent / "mine.pub")
    assert str(caught.value).isprintable()
    assert capsys.readouterr().out == ""


def test_a_key_that_cannot_sign_or_check_is_refused_in_a_sentence(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = pair(tmp_path, "mine")
    for key in (tmp_path / "absent", mine.with_suffix(".pub"), tmp_path, bundle / "labels.txt", Path("/dev/zero")):
        with pytest.raises(InputError, match=r"key"):
            require_private_key(key)
    hidden = pair(tmp_path, "hidden", b"secret")
    monkeypatch.delenv(PASSWORD, raising=False)
    with pytest.raises(InputError, match=PASSWORD):
        require_private_key(hidden)
    monkeypatch.setenv(PASSWORD, "secret")
    sign(bundle, "tiny", hidden)
    assert verify(bundle, only=FEW, key=tmp_path / "hidden.pub").ok
    for key in (tmp_path / "absent", hidden, bundle / "labels.txt", Path("/dev/zero")):
        with pytest.raises(InputError, match=r"key"):
            verify(bundle, only=FEW, key=key)


def test_without_the_library_it_says_what_to_install(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "model_signing", None)
    for signs in (lambda: require_private_key(tmp_path / "key.pem"), lambda: verify(bundle, key=tmp_path / "key.pub")):
        with pytest.raises(InputError, match=r"pip install 'cnnref\[signing\]'"):
            signs()
    assert verify(bundle, only=FEW).ok


def test_the_librarys_own_command_finds_the_signature_true(signed: Path) -> None:
    import model_signing

    checker = model_signing.verifying.Config().use_elliptic_key_verifier(public_key=signed.parent / "mine.pub")
    checker.verify(signed, signed / "model.sig")

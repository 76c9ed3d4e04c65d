"""A SavedModel that would do more than compute is refused before TensorFlow loads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_bundle import edit, rehash

from cnnref.errors import VerificationError
from cnnref.runtimes import read_bundle
from cnnref.runtimes.artifacts import load_artifact
from cnnref.runtimes.saved_model_operators import refuse_operators


def saved(folder: Path, operation: Any) -> Path:
    """A SavedModel whose function calls an operation before it gives a number."""
    import tensorflow as tf

    class Odd(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 1], tf.float32, name="image")])
        def serve(self, image: Any) -> dict[str, Any]:
            with tf.control_dependencies([operation(tf)]):
                return {"probabilities": tf.reduce_mean(image, axis=[1, 2])}

    module = Odd()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    return folder


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("WriteFile", lambda tf: tf.io.write_file("executed", "x")),
        ("ReadFile", lambda tf: tf.io.read_file("/etc/hosts")),
        ("MatchingFiles", lambda tf: tf.io.matching_files("/etc/*")),
        ("EagerPyFunc", lambda tf: tf.py_function(lambda: 1.0, [], tf.float32)),
        ("SaveV2", lambda tf: tf.raw_ops.SaveV2(prefix="x", tensor_names=["a"], shape_and_slices=[""], tensors=[1.0])),
        ("PrintV2", lambda tf: tf.print("text")),
    ],
)
def test_an_operator_that_does_more_than_compute_is_refused(
    pristine: Path, tmp_path: Path, name: str, operation: Any
) -> None:
    assert pristine
    with pytest.raises(VerificationError, match=f"has the operator {name}, which no network needs; it is not loaded"):
        refuse_operators(saved(tmp_path / "saved_model", operation))


def test_what_an_export_writes_passes_and_a_file_to_read_does_not(bundle: Path) -> None:
    refuse_operators(bundle / "saved_model")
    (bundle / "saved_model" / "saved_model.pbtxt").write_text("")
    rehash(bundle)
    edit(bundle, lambda document: document["artifacts"].pop("model.onnx"))
    with pytest.raises(VerificationError, match=r"saved_model\.pbtxt, which no export writes"):
        load_artifact(read_bundle(bundle), "saved_model")

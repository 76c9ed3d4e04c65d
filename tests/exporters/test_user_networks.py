"""Networks as users write them: every file is right, and what is refused is refused in a sentence.

`tests/helpers/user_networks` has them. The quick tests take one of each kind; with CNNREF_EVERY_NAME=1 all are taken.
"""

import gc
import os
from pathlib import Path

import pytest
from user_networks import KINDS, NETWORKS
from user_networks.exporting import REFUSED, RIGHT, Outcome, exported_by_cnnref, subject_of

from cnnref.environment import keras

#: Of each kind, a network that the quick tests take, and one or two with what that has not.
QUICK = {
    "plain": "mobile_blocks",
    "transfer": "body_within_a_body",
    "preprocessing": "every_augmentation",
    "maps": "class_and_box",
    "attention": "convolutional_block_attention",
    "activations": "parametric_relu",
    "normalizations": "group_normalization",
    "merges": "layer_used_twice",
    "operations": "slices",
    "custom": "squeeze_excite_layer",
    "inputs": "open_height_and_width",
    "policies": "mixed_float16",
}
OTHERS = (
    "adapted_normalization",
    "best_class_put_out",
    "call_of_its_own",
    "channels_first",
    "dictionary_of_one",
    "keras_io_vision_transformer",
    "lambda_inside",
    "mobilenet_v2_with_augmentation",
    "names_in_other_alphabets",
    "odd_transposes",
    "rows_through_a_recurrent_layer",
    "shape_read_at_run_time",
    "spectral_normalization",
    "two_pictures",
    "unet_of_the_pets",
)


def names() -> list[str]:
    """The networks that are exported, in the order of the table."""
    if os.environ.get("CNNREF_EVERY_NAME"):
        return list(NETWORKS)
    return [name for name in NETWORKS if name in {*QUICK.values(), *OTHERS}]


def outcomes(name: str, folder: Path) -> dict[str, Outcome]:
    """What came of each format."""
    found = {one.format: one for one in exported_by_cnnref(subject_of(NETWORKS[name], folder), folder)}
    keras.backend.clear_session()
    gc.collect()
    return found


@pytest.mark.parametrize("name", names())
def test_a_users_network_is_written_and_right_or_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    found = outcomes(name, tmp_path)
    assert set(found) == {"onnx", "tflite", "saved_model"}
    for form, outcome in found.items():
        refused = NETWORKS[name].refused
        expected = {REFUSED} if refused else {RIGHT, REFUSED} if form == "onnx" else {RIGHT}
        assert outcome.verdict in expected, f"{form}: {outcome.verdict}: {outcome.reason}"
        assert refused in outcome.reason


def test_there_are_networks_of_every_kind() -> None:
    exported = [network for network in NETWORKS.values() if not network.refused]
    assert {network.kind for network in exported} == set(KINDS) == set(QUICK)
    assert all(NETWORKS[name].kind == kind for kind, name in QUICK.items())
    assert len(exported) >= 110

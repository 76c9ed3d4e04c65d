"""Networks as users write them: every file is right, and what is refused is refused in a sentence.

`tests/helpers/user_networks` has them. The quick tests take those that `tests/helpers/chosen_names.py` names.
"""

import gc
from pathlib import Path

import pytest
from chosen_names import USER_NETWORKS
from user_networks import KINDS, NETWORKS
from user_networks.exporting import REFUSED, RIGHT, Outcome, exported_by_cnnref, subject_of

from cnnref.environment import keras

#: Networks that Keras can run and that are refused as ONNX; at most one in twenty may be. TFLite and SavedModel write
#: all of them.
NO_ONNX: frozenset[str] = frozenset()


def outcomes(name: str, folder: Path) -> dict[str, Outcome]:
    """What came of each format."""
    found = {one.format: one for one in exported_by_cnnref(subject_of(NETWORKS[name], folder), folder)}
    keras.backend.clear_session()
    gc.collect()
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_a_users_network_is_written_and_right_or_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    found = outcomes(name, tmp_path)
    assert set(found) == {"onnx", "tflite", "saved_model"}
    for form, outcome in found.items():
        refused = NETWORKS[name].refused
        expected = REFUSED if refused or (form == "onnx" and name in NO_ONNX) else RIGHT
        assert outcome.verdict == expected, f"{form}: {outcome.verdict}: {outcome.reason}"
        assert refused in outcome.reason


def test_there_are_networks_of_every_kind_and_the_quick_tests_take_one_of_each() -> None:
    exported = {name: network for name, network in NETWORKS.items() if not network.refused}
    assert {network.kind for network in exported.values()} == set(KINDS)
    assert len(exported) >= 110
    assert {exported[name].kind for name in USER_NETWORKS if name in exported} == set(KINDS)
    assert exported.keys() >= NO_ONNX
    assert len(NO_ONNX) <= len(exported) / 20

"""RepVGG and MobileOne with their branches folded compute the same with one convolution in place of each block."""

from typing import Any

import numpy as np
import onnxruntime
import pytest
from small_models import answers, randomise, some_images

from cnnref import models
from cnnref.errors import InputError
from cnnref.exporters.contract import contract_of
from cnnref.exporters.onnx.model import onnx_model

HALF = ((0.5,) * 3, (0.5,) * 3)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("repvgg_a0", {"normalization": HALF, "classifier_activation": None}),
        ("mobileone_s0", {"include_top": False}),
    ],
)
def test_a_folded_network_computes_the_same(name: str, options: Any) -> None:
    model = randomise(models.build(name, (64, 72, 3), classes=7, **options))
    plain = models.fold_branches(model)
    images = some_images((64, 72, 3))
    wanted, found = answers(model, images), answers(plain, images)
    assert np.abs(found - wanted).max() <= 1e-5 * np.abs(wanted).max()
    kinds = [type(layer).__name__ for layer in plain.layers]
    assert "BatchNormalization" not in kinds
    assert "Add" not in kinds
    assert plain.count_params() < model.count_params()
    assert plain.output_shape == model.output_shape


def test_a_folded_network_has_the_published_number_of_parameters() -> None:
    # RepVGG, table 4: 8.30 million; MobileOne, table 9: 2.1 million.
    assert models.outline("repvgg_a0", folded=True).count_params() == 8_309_384
    assert round(models.outline("mobileone_s0", folded=True).count_params() / 1e6, 1) == 2.1


def test_both_forms_of_mobileone_give_the_same_probabilities_and_are_written_as_onnx() -> None:
    model = randomise(models.build("mobileone_s0", (32, 40, 3), classes=7))
    images = some_images((32, 40, 3))
    wanted = answers(model, images)
    for form in (model, models.fold_branches(model)):
        np.testing.assert_allclose(answers(form, images), wanted, rtol=0, atol=1e-5)
        content = onnx_model(form, contract_of(form, form.name)).SerializeToString()
        found = onnxruntime.InferenceSession(content).run(None, {"image": images})[0]
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


def test_a_network_without_branches_is_refused() -> None:
    with pytest.raises(InputError, match="lenet5 has no branched convolutions"):
        models.fold_branches(models.build("lenet5"))

"""Occlusion refuses in a sentence what it cannot do."""

from __future__ import annotations

import numpy as np
import odd_networks
import pytest
from odd_networks import classifier, picture, with_head

from cnnref.errors import InputError
from cnnref.explain import occlusion

REFUSED = [
    ({"batch_size": 0}, "batch_size is 0; give at least 1"),
    ({"fill": float("nan")}, "fill has values that are not finite"),
    ({"patch": 3.5}, r"patch is 3\.5; give a whole number"),
    ({"stride": 0}, "a stride of at least 1"),
]


@pytest.mark.parametrize(("settings", "said"), REFUSED)
def test_a_setting_that_is_none_is_refused(settings: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        occlusion(classifier(), picture((9, 8, 3)), **settings)


def test_what_is_no_classifier_is_refused() -> None:
    for model in (odd_networks.two_outputs(), odd_networks.of_maps()):
        with pytest.raises(InputError, match="a classifier is needed"):
            occlusion(model, picture((6, 6, 1)))


def test_classes_in_maps_of_one_place_count_as_classes() -> None:
    flat, maps = with_head("convolution, then flatten"), with_head("maps of one place")
    maps.set_weights(flat.get_weights())
    image = picture((9, 8, 1))
    found = occlusion(maps, image, 1, patch=3)
    np.testing.assert_allclose(found, occlusion(flat, image, 1, patch=3), atol=1e-6)
    assert np.abs(found).max() > 1e-4

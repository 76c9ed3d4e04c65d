"""The option of the small CNN for MNIST."""

from typing import Any

import pytest

from cnnref import models
from cnnref.errors import InputError


def test_widths_are_the_filters_of_the_stages() -> None:
    model = models.outline("mnist_cnn", widths=(4, 6, 10))
    assert [model.get_layer(f"stage{stage}").output.shape[1:] for stage in (1, 2, 3)] == [
        (28, 28, 4), (14, 14, 6), (7, 7, 10)
    ]  # fmt: skip


@pytest.mark.parametrize("widths", [(32, 64), (32, 64, 128, 256), (32, 0, 64)])
def test_other_than_three_widths_are_refused(widths: Any) -> None:
    with pytest.raises(InputError, match="give the filters of the three stages"):
        models.outline("mnist_cnn", widths=widths)

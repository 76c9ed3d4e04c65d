"""What a unit sees, by the call of its layer."""

from __future__ import annotations

from odd_networks import picture, twice

from cnnref.explain import activations, receptive_field


def test_each_call_of_a_layer_sees_as_much_as_it_does() -> None:
    model = twice()
    assert [int(receptive_field(model, name, 4, 4).sum()) for name in ("shared", "shared#2")] == [9, 25]
    image = picture((8, 8, 1))
    for name in ("shared", "shared#2"):
        seen = receptive_field(model, name, 4, 4)
        other = image.copy()
        other[~seen] = 255 - other[~seen]
        before, after = (activations(model, one, [name])[name][4, 4, 0] for one in (image, other))
        assert before == after
        other = image.copy()
        other[seen] = 255 - other[seen]
        assert activations(model, other, [name])[name][4, 4, 0] != before

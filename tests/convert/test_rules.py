"""The tables of names: how a rule is read, and that no table names two layers alike."""

import pytest
from chosen_names import chosen

from cnnref import models
from cnnref.convert import keras_layouts, layouts_cifar, layouts_timm, layouts_torchvision
from cnnref.convert.rules import conv_and_norm, merged, table
from cnnref.convert.slots import keras_slots, pytorch_slots

ROOM = (layouts_torchvision, layouts_timm, layouts_cifar)


def test_letters_stand_for_numbers_and_can_be_computed_with() -> None:
    names = table({"stage{s}_block{b}_conv{c}": "layer{s}.{b-1}.{2s-1}.{b:a}.conv{c+1}"})
    assert names(["stage2_block12_conv3"]) == {"stage2_block12_conv3": "layer2.11.3.l.conv4"}


def test_words_stand_for_letters_and_digits() -> None:
    assert table({"inception{module}_1x1": "i.{module}"})(["inception4a_1x1"]) == {"inception4a_1x1": "i.4a"}


def test_the_first_rule_that_fits_decides_and_a_layer_without_one_is_not_named() -> None:
    names = table({"a1": "first", "a{n}": "second{n}"})
    assert names(["a1", "a2", "b"]) == {"a1": "first", "a2": "second2"}


def test_blocks_and_parts_are_counted() -> None:
    layers = ["stage1_block1_depthwise", "stage1_block1_project"]
    layers += ["stage2_block1_expand", "stage2_block1_depthwise", "stage2_block1_se_reduce", "stage2_block1_project"]
    names = table({"stage{s}_block{b}_{part}": "{n}.{p}.{part}", "end": "{blocks+1}"})
    assert names([*layers, "end"]) == {
        "stage1_block1_depthwise": "1.0.depthwise",
        "stage1_block1_project": "1.1.project",
        "stage2_block1_expand": "2.0.expand",
        "stage2_block1_depthwise": "2.1.depthwise",
        "stage2_block1_project": "2.3.project",
        "end": "3",
    }


def test_pairs_give_a_convolution_and_its_normalization() -> None:
    assert conv_and_norm({"a": "b"}, ".0", ".1") == {"a": "b.0", "a_bn": "b.1"}
    assert merged(table({"a": "b"}), table({"c": "d"}))(["a", "c"]) == {"a": "b", "c": "d"}


@pytest.mark.parametrize("name", sorted({*chosen(), "resnet18", "mobilenet_v2"}))
def test_no_table_names_two_weights_alike_and_one_names_them_all(name: str) -> None:
    model, family = models.outline(name), models.spec(name).family
    layers = [layer.name for layer in model.layers]
    layouts = [layout for room in ROOM for layout in room.LAYOUTS.get(family, ())]
    complete = 0
    for layout in layouts:
        names = layout.names(layers)
        slots = [slot for slot in pytorch_slots(model) if slot.layer in names]
        assert len({names[slot.layer] + slot.key for slot in slots}) == len(slots)
        complete += len(slots) == len(model.weights)
    assert bool(complete) == bool(layouts)
    if family in keras_layouts.LAYOUTS:
        names = keras_layouts.LAYOUTS[family].names(layers)
        assert len(set(names.values())) == len(names)
        assert len(keras_slots(model)) == len(model.weights)


def test_every_table_is_of_a_family_that_there_is() -> None:
    families = {models.spec(name).family for name in models.list_models()}
    assert {family for room in (*ROOM, keras_layouts) for family in room.LAYOUTS} <= families

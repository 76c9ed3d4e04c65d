"""Which of the listed models a test is run for: the zoo grows, and the suite does not grow with it."""

import os
from collections.abc import Iterable

from cnnref import models

#: Blocks that the smallest networks of the families do not have: bottlenecks; local response normalization and groups;
#: squeeze-and-excitation in RegNet.
OTHER_BLOCKS = ("resnet50_cifar", "resnet50", "alexnet_2012", "regnet_y_400mf")


#: The smallest of a family whose blocks another family has, in a smaller network.
SAME_BLOCKS = ("wide_resnet50_2",)

#: Of the user networks, a cheap one of each kind, some with what that has not, and all that are refused in a sentence.
USER_NETWORKS = (
    *("pooled_with_keepdims", "broadcast_add", "class_and_box", "names_in_other_alphabets", "mixed_float16"),
    *("spectral_normalization", "log_softmax_head", "best_class_put_out", "efficient_channel_attention"),
    *("squeeze_excite_layer", "vgg_features", "every_augmentation", "dictionary_of_one", "shape_read_at_run_time"),
    *("call_of_its_own", "channels_first", "lambda_inside", "two_pictures", "series", "volume"),
)


def every_name() -> bool:
    """Whether tests are run for all names, which takes hours: with CNNREF_EVERY_NAME=1."""
    return bool(os.environ.get("CNNREF_EVERY_NAME"))


def smallest_of_each_family(names: Iterable[str] | None = None) -> list[str]:
    """The network with the fewest parameters of each family among `names`, by default among all that are listed."""
    smallest: dict[str, str] = {}
    for spec in sorted(map(models.spec, models.list_models() if names is None else names), key=lambda s: s.params):
        smallest.setdefault(spec.family, spec.name)
    return sorted(smallest.values())


def chosen(names: Iterable[str] | None = None) -> list[str]:
    """The smallest of each family among `names` and those with other blocks; all where that is asked for."""
    among = sorted(models.list_models() if names is None else names)
    if every_name():
        return among
    return sorted({*smallest_of_each_family(among), *OTHER_BLOCKS} & set(among) - set(SAME_BLOCKS))

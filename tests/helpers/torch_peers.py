"""PyTorch networks with weights in which every number matters, to compare ours with."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnref
from cnnref import convert

torch = pytest.importorskip("torch", reason="the parity tests compare with PyTorch")
# TensorFlow's threads and a second pool beside them wait for each other; one thread is many times faster.
torch.set_num_threads(1)

#: The largest difference of logits, as a part of the largest logit.
BOUND = 1e-5

NORMS = (torch.nn.BatchNorm2d, torch.nn.LayerNorm)

#: Names of parameters that are ConvNeXt's factors a channel.
CHANNEL_SCALES = ("layer_scale", "gamma")


def torchvision_models() -> Any:
    """torchvision.models, also of a torchvision whose compiled operators are not there: no classifier uses them."""
    found = importlib.util.find_spec("torchvision")
    if found is None:
        pytest.skip("torchvision is not installed", allow_module_level=True)
    try:
        torch.ops.load_library(next(Path(found.origin).parent.glob("_C.*")))
    except (StopIteration, OSError):
        for operator in ("nms", "qnms"):
            if not hasattr(torch.ops.torchvision, operator):
                torch.library.define(
                    f"torchvision::{operator}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
                )
    import torchvision

    return torchvision.models


def timm_models() -> Any:
    """timm, which imports torchvision."""
    if importlib.util.find_spec("timm") is None:
        pytest.skip("timm is not installed", allow_module_level=True)
    torchvision_models()
    import timm

    return timm


def without_values(make: Any, *args: Any, **kwargs: Any) -> Any:
    """A network whose weights are not initialized, which takes long where there are many: `randomized` fills them."""
    with torch.device("meta"):
        peer = make(*args, **kwargs)
    return peer.to_empty(device="cpu")


def random_tensors(state_dict: Any) -> Any:
    """Other numbers in tensors of the same names and shapes."""
    random = np.random.default_rng(2)
    return {name: random.uniform(0.5, 1.5, tuple(tensor.shape)) for name, tensor in state_dict.items()}


def images(size: Any, count: Any = 2) -> Any:
    """float32 [count, size, size, 3], each image another one."""
    return np.random.default_rng(1).normal(size=(count, size, size, 3)).astype(np.float32)


def channels_first(batch: Any) -> Any:
    return torch.from_numpy(np.ascontiguousarray(batch.transpose(0, 3, 1, 2)))


def randomized(peer: Any, size: Any, count: Any = 2) -> Any:
    """The network in inference mode, with random numbers in every weight, bias and statistic.

    Kernels are drawn from a normal distribution and scaled, one layer after the other, so that the outputs have a
    standard deviation of 1 on `images`. Activations then neither vanish nor explode, and no layer drowns the biases
    and statistics behind it, however deep the network is.
    """
    random = np.random.default_rng(0)
    untouched = set(peer.state_dict()) - {name for name in peer.state_dict() if name.endswith("num_batches_tracked")}

    def fill(owner: Any, name: Any, values: Any) -> None:
        tensor = getattr(module, name)
        if tensor is not None:
            tensor.copy_(torch.from_numpy(np.asarray(values(tuple(tensor.shape)), np.float32)))
            untouched.discard(f"{owner}.{name}" if owner else name)

    def kernel(shape: Any) -> Any:
        return random.standard_normal(shape, np.float32)

    def offset(shape: Any) -> Any:
        return random.normal(0, 0.3, shape)

    def scale(shape: Any) -> Any:
        return random.uniform(0.5, 1.5, shape)

    def to_unit_deviation(module: Any, _: Any, output: Any) -> Any:
        bias = 0 if module.bias is None else module.bias
        if module.bias is not None and isinstance(module, torch.nn.Conv2d):
            bias = bias[:, None, None]
        deviation = (output - bias).std()
        module.weight /= deviation
        return (output - bias) / deviation + bias

    hooks = []
    with torch.no_grad():
        for owner, module in peer.eval().named_modules():
            if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
                fill(owner, "weight", kernel)
                fill(owner, "bias", offset)
                hooks.append(module.register_forward_hook(to_unit_deviation))
            elif isinstance(module, NORMS) or type(module).__name__ == "GlobalResponseNorm":
                fill(owner, "weight", scale)
                fill(owner, "bias", offset)
                if isinstance(module, torch.nn.BatchNorm2d):
                    fill(owner, "running_mean", offset)
                    fill(owner, "running_var", scale)
            for name in CHANNEL_SCALES:
                if name in module._parameters:
                    fill(owner, name, lambda shape: random.uniform(0.1, 1, shape))
        peer(channels_first(images(size, count)))
    for hook in hooks:
        hook.remove()
    assert not untouched
    return peer


def converted(name: Any, peer: Any, size: Any, **options: Any) -> Any:
    """Our model with the weights of the peer, giving logits."""
    model = cnnref.build(name, (size, size, 3), classifier_activation=None, **options)
    return convert.from_torch(model, peer.state_dict())


def apart(model: Any, peer: Any, size: Any, count: Any = 2) -> Any:
    """The largest difference of logits on `images`, as a part of the largest logit."""
    batch = images(size, count)
    with torch.no_grad():
        theirs = peer(channels_first(batch)).numpy()
    return np.abs(np.asarray(model(batch, training=False)) - theirs).max() / np.abs(theirs).max()

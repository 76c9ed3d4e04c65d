"""A network whose weights are stored in 16 bits, for a page of half the size."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

#: Smaller constants are not worth a node of their own.
LEAST = 256
#: The greatest number of float16.
LARGEST = float(np.finfo(np.float16).max)


def with_half_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which large float32 constants are float16, with a Cast back behind each: all is computed in float32.

    Constants with a number above 65504, which float16 cannot hold, stay as they are.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    casts: list[onnx.NodeProto] = []
    for tensor in copy.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < LEAST:
            continue
        values = numpy_helper.to_array(tensor)
        if np.abs(values).max() > LARGEST:
            continue
        name, stored = tensor.name, f"{tensor.name}.f16"
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(helper.make_node("Cast", [stored], [name], name=f"{name}.f32", to=TensorProto.FLOAT))
    nodes = list(copy.graph.node)
    del copy.graph.node[:]
    copy.graph.node.extend([*casts, *nodes])
    return copy

"""Operations that move, cut, join and repeat numbers, and compute with none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ....arithmetic.graph import Call
from ..graph import BATCH, GraphBuilder, Value, canonical
from .operands import Writer, kind_given, operand, plain, result, shape_of
from .reductions import axes_of, without

#: Keras' names of paddings, and ONNX'. One mirrored row is the edge once more.
PAD_MODES = {"constant": "constant", "reflect": "reflect", "symmetric": "edge", "edge": "edge"}


def reshape(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    """Where whole axes are joined or divided, the stored order stays as it is; otherwise it becomes that of Keras."""
    shape = resolved(shape_of(call), x.shape)
    if shape is None:
        return None
    if shape == x.shape:
        return x
    if x.maps and len(shape) == 2 and shape[0] == BATCH:
        return flatten(builder, call, x)
    if x.flattened:
        if shape[1:] == x.flattened:
            stored = builder.integers([0, shape[3], *shape[1:3]], f"{call.name}.shape")
            return Value(builder.node("Reshape", [x.name, stored], call.name), shape)
        x = plain(builder, x, call.name)
    # Axes of size 1 hold nothing and may lie anywhere.
    before = [axis for axis, size in enumerate(x.shape) if size != 1]
    after = [axis for axis, size in enumerate(shape) if size != 1]
    groups = _groups([x.shape[axis] for axis in before], [shape[axis] for axis in after])
    of = {before[place]: number for number, (first, _) in enumerate(groups) for place in first}
    present = [axis for axis in x.order if axis in of]
    sequence = list(dict.fromkeys(of[axis] for axis in present))
    wanted = [before[place] for number in sequence for place in groups[number][0]]
    if present != wanted:
        x = builder.turned(x, (*wanted, *(axis for axis in x.order if axis not in of)), call.name)
    order = with_ones([after[place] for number in sequence for place in groups[number][1]], len(shape))
    sizes = [shape[axis] for axis in order]
    made = x.name
    if sizes != [x.shape[axis] for axis in x.order]:
        made = builder.node("Reshape", [x.name, _row(builder, call, sizes, x)], call.name)
    return replace(x, name=made, shape=shape, order=order, turn="")


def with_ones(order: Sequence[int], rank: int) -> tuple[int, ...]:
    """A stored order of some axes with those of size 1 where feature maps have them, or where Keras has them."""
    if rank in (4, 5) and [axis for axis in canonical(rank) if axis in order] == list(order):
        return canonical(rank) if rank == 4 or list(order) != sorted(order) else tuple(range(rank))
    whole = list(order)
    for axis in range(rank):
        if axis not in whole:
            whole.insert(min((place for place, other in enumerate(whole) if other > axis), default=len(whole)), axis)
    return tuple(whole)


def _row(builder: GraphBuilder, call: Call, sizes: Sequence[int], x: Value) -> str:
    """The sizes for a Reshape; 0 where the batch stays in front."""
    if sizes[0] == x.shape[x.order[0]] == BATCH and all(size % BATCH for size in sizes[1:]):
        return builder.integers([0, *sizes[1:]], f"{call.name}.shape")
    return builder.sizes(sizes, f"{call.name}.shape")


def resolved(shape: tuple[int, ...], before: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape after a reshape, where the size that Keras leaves open may be a multiple of the batch."""
    open_axes = [axis for axis, size in enumerate(shape) if size == BATCH]
    if math.prod(shape) == math.prod(before):
        return shape
    if len(open_axes) != 1:
        return None
    rest = math.prod(size for axis, size in enumerate(shape) if axis != open_axes[0])
    size, left = divmod(math.prod(before), rest)
    return None if left else (*shape[: open_axes[0]], size, *shape[open_axes[0] + 1 :])


def _groups(before: Sequence[int], after: Sequence[int]) -> list[tuple[range, range]]:
    """The smallest groups of neighbouring axes that become groups of neighbouring axes of the same size."""
    groups, i, j = [], 0, 0
    while i < len(before):
        first, second, sizes = i, j, [before[i], after[j]]
        i, j = i + 1, j + 1
        while sizes[0] != sizes[1]:
            if sizes[0] < sizes[1]:
                sizes[0], i = sizes[0] * before[i], i + 1
            else:
                sizes[1], j = sizes[1] * after[j], j + 1
        groups.append((range(first, i), range(second, j)))
    return groups


def flatten(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    shape = shape_of(call)
    if x.rank == 2 and shape == x.shape:
        return x
    if x.maps is None or len(shape) != 2:
        return None
    height, width, channels = x.maps
    # Of single pixels and of single maps there is only one order.
    flattened = None if 1 in (height * width, channels) else x.maps
    return Value(builder.node("Flatten", [x.name], call.name, axis=1), shape, kind=x.kind, flattened=flattened)


def transpose(builder: GraphBuilder, call: Call, x: Value) -> Value:
    """Nothing is moved here: what reads the result turns it, and two turns are one."""
    axes = call.operation.axes
    axes = tuple(range(x.rank))[::-1] if axes is None else tuple(axis % x.rank for axis in axes)
    return permuted(builder, call, x, axes)


def permuted(builder: GraphBuilder, call: Call, x: Value, axes: Sequence[int]) -> Value:
    """The value whose axis i is axis `axes[i]` of x."""
    x = plain(builder, x, call.name)
    order = tuple(axes.index(axis) for axis in x.order)
    return replace(x, shape=tuple(x.shape[axis] for axis in axes), order=order, turn=call.name)


def expand_dims(builder: GraphBuilder, call: Call, x: Value) -> Value:
    x, rank = plain(builder, x, call.name), len(shape_of(call))
    new = axes_of(call.operation.axis, rank)
    kept = [axis for axis in range(rank) if axis not in new]
    order = with_ones([kept[axis] for axis in x.order], rank)
    axes = builder.integers([order.index(axis) for axis in sorted(new, key=order.index)], f"{call.name}.axes")
    made = builder.node("Unsqueeze", [x.name, axes], call.name)
    return result(call, made, order, kind=x.kind)


def squeeze(builder: GraphBuilder, call: Call, x: Value) -> Value:
    x, axis = plain(builder, x, call.name), call.operation.axis
    gone = [i for i, size in enumerate(x.shape) if size == 1] if axis is None else axes_of(axis, x.rank)
    if not gone:
        return x
    axes = builder.integers(sorted(x.stored(i) for i in gone), f"{call.name}.axes")
    return result(call, builder.node("Squeeze", [x.name, axes], call.name), without(x.order, gone), kind=x.kind)


def joined(builder: GraphBuilder, call: Call, values: Sequence[Value], axis: int) -> Value:
    """Tensors of one rank, one behind the other."""
    values = [plain(builder, value, call.name) for value in values]
    tensors = [value for value in values if value.constant is None]
    first = next((value for value in tensors if value.order == canonical(4)), tensors[0])
    kind = kind_given(call)
    names = [builder.read(value, call.name, order=first.order, kind=kind) for value in values]
    return replace(
        first,
        name=builder.node("Concat", names, call.name, axis=first.stored(axis)),
        shape=shape_of(call),
        kind=kind,
        turn="",
    )


def concatenate(builder: GraphBuilder, call: Call, xs: Sequence[Any], **_options: Any) -> Value:
    values = [operand(x, call) for x in xs]
    return joined(builder, call, values, call.operation.axis % values[0].rank)


def split(builder: GraphBuilder, call: Call, x: Value) -> list[Value]:
    x, axis = plain(builder, x, call.name), call.operation.axis % x.rank
    sizes = [shape_of(call, index)[axis] for index in range(len(call.outputs))]
    given = [x.name, builder.integers(sizes, f"{call.name}.sizes")]
    names = builder.nodes_of("Split", given, call.name, len(sizes), axis=x.stored(axis))
    return [result(call, name, x.order, index, x.kind) for index, name in enumerate(names)]


def unstack(builder: GraphBuilder, call: Call, x: Value) -> list[Value]:
    x, axis = plain(builder, x, call.name), call.operation.axis % x.rank
    count = len(call.outputs)
    given = [x.name, builder.integers([1] * count, f"{call.name}.sizes")]
    names = builder.nodes_of("Split", given, call.name, count, axis=x.stored(axis))
    place = builder.integers([x.stored(axis)], f"{call.name}.axes")
    return [
        result(call, builder.node("Squeeze", [name, place], f"{name}_squeeze"), without(x.order, [axis]), index, x.kind)
        for index, name in enumerate(names)
    ]


def get_item(builder: GraphBuilder, call: Call, x: Value, key: Any) -> Value | None:
    """x[:, ::2, ::-1], x[..., 0], x[:, None]: slices of any direction, single indices and new axes."""
    parts = list(key) if isinstance(key, list | tuple) else [key]
    if not all(part is None or part is Ellipsis or isinstance(part, int | np.integer | slice) for part in parts):
        return None
    if Ellipsis in parts:
        place, taken = parts.index(Ellipsis), sum(part is not None for part in parts) - 1
        parts[place : place + 1] = [slice(None)] * (x.rank - taken)
    parts += [slice(None)] * (x.rank - sum(part is not None for part in parts))
    x = plain(builder, x, call.name)
    ranges: list[range] = []
    dropped: list[int] = []
    for part in parts:
        if part is None:
            continue
        axis, size = len(ranges), x.shape[len(ranges)]
        if isinstance(part, slice):
            if size % BATCH == 0 and part != slice(None):
                return None
            ranges.append(range(*part.indices(size)))
        else:
            if size % BATCH == 0:
                return None
            dropped.append(axis)
            ranges.append(range(int(part) % size, int(part) % size + 1))
    cut = sliced(builder, call, x, ranges)
    made, order = cut.name, cut.order
    if dropped:
        axes = builder.integers(sorted(x.stored(axis) for axis in dropped), f"{call.name}.dropped")
        made, order = builder.node("Squeeze", [made, axes], f"{call.name}_squeeze"), without(order, dropped)
    news = [
        axis
        for axis, part in enumerate(part for part in parts if not isinstance(part, int | np.integer))
        if part is None
    ]
    if news:
        kept = [axis for axis in range(len(order) + len(news)) if axis not in news]
        order = (*news, *(kept[axis] for axis in order))
        made = builder.node(
            "Unsqueeze", [made, builder.integers(range(len(news)), f"{call.name}.new")], f"{call.name}_new"
        )
    return replace(cut, name=made, shape=shape_of(call), order=order)


def sliced(builder: GraphBuilder, call: Call, x: Value, ranges: Sequence[range]) -> Value:
    """Slice the axes of which something is left out."""
    cut = [(x.stored(axis), part) for axis, part in enumerate(ranges) if part != range(x.shape[axis])]
    if not cut:
        return x
    rows = {
        "starts": [part.start for _, part in cut],
        # Before the first number lies no index that ONNX would not count from the end.
        "ends": [part.stop if part.stop >= 0 else -(2**31) for _, part in cut],
        "axes": [axis for axis, _ in cut],
        "steps": [part.step for _, part in cut],
    }
    given = [builder.integers(row, f"{call.name}.{name}") for name, row in rows.items()]
    shape = tuple(map(len, ranges))
    return replace(x, name=builder.node("Slice", [x.name, *given], call.name), shape=shape, flattened=None)


def slice_(builder: GraphBuilder, call: Call, inputs: Value, start_indices: Any) -> Value | None:
    x, starts = plain(builder, inputs, call.name), operand(start_indices, call, "starts")
    if starts.constant is None:
        return None
    shape = shape_of(call)
    if any(size != x.shape[axis] and x.shape[axis] % BATCH == 0 for axis, size in enumerate(shape)):
        return None
    firsts = [int(start) for start in starts.constant.reshape(-1)]
    return sliced(builder, call, x, [range(first, first + size) for first, size in zip(firsts, shape, strict=True)])


def pad(builder: GraphBuilder, call: Call, x: Value, constant_values: Any = None) -> Value | None:
    """keras.ops.pad with zeros or another number, mirrored, or with one row of the edge."""
    operation = call.operation
    sides = list(operation.pad_width) * (x.rank if len(operation.pad_width) == 1 else 1)
    if operation.mode not in PAD_MODES or (sum(sides[0]) and x.shape[0] % BATCH == 0):
        return None
    if operation.mode == "symmetric" and max(map(max, sides)) > 1:
        return None
    return padded(builder, call, x, sides, PAD_MODES[operation.mode], float(constant_values or 0))


def padded(
    builder: GraphBuilder,
    call: Call,
    x: Value,
    sides: Sequence[Sequence[int]],
    mode: str = "constant",
    filler: float = 0.0,
) -> Value:
    """A tensor with more numbers before and after those of each axis."""
    x = plain(builder, x, call.name)
    margin = np.zeros(2 * x.rank, np.int64)
    for axis, (before, after) in enumerate(sides):
        margin[x.stored(axis)], margin[x.rank + x.stored(axis)] = before, after
    inputs = [x.name, builder.constant(margin, f"{call.name}.pads")]
    if filler:
        inputs.append(builder.number(filler, f"{call.name}.filler"))
    made = builder.node("Pad", inputs, call.name, mode=mode)
    return replace(x, name=made, shape=shape_of(call), turn="")


def tile(builder: GraphBuilder, call: Call, given: Any) -> Value:
    x = plain(builder, operand(given, call), call.name)
    repeats = call.operation.repeats
    repeats = [repeats] if isinstance(repeats, int) else list(repeats)
    repeats = [1] * (x.rank - len(repeats)) + repeats
    if len(repeats) > x.rank:
        x = _leading(builder, call, x, len(repeats))
    counts = builder.shape_tensor([repeats[axis] for axis in x.order], call.name)
    return replace(x, name=builder.node("Tile", [x.name, counts], call.name), shape=shape_of(call))


def _leading(builder: GraphBuilder, call: Call, x: Value, rank: int) -> Value:
    """A tensor with as many axes of size 1 in front as are missing."""
    count = rank - x.rank
    axes = builder.integers(range(count), f"{call.name}.leading")
    order = (*range(count), *(axis + count for axis in x.order))
    made = builder.node("Unsqueeze", [x.name, axes], f"{call.name}_leading")
    return replace(x, name=made, shape=(1,) * count + x.shape, order=order)


def broadcast_to(builder: GraphBuilder, call: Call, given: Any) -> Value:
    x = plain(builder, operand(given, call), call.name)
    shape = shape_of(call)
    x = _leading(builder, call, x, len(shape)) if len(shape) > x.rank else x
    wanted = [1 if size % BATCH == 0 and x.shape[axis] == size else size for axis, size in enumerate(shape)]
    sizes = builder.shape_tensor([wanted[axis] for axis in x.order], call.name)
    return replace(x, name=builder.node("Expand", [x.name, sizes], call.name), shape=shape)


def flip(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    x = plain(builder, x, call.name)
    axes = axes_of(call.operation.axis, x.rank)
    if any(x.shape[axis] % BATCH == 0 for axis in axes):
        return None
    ranges = [range(size) for size in x.shape]
    for axis in axes:
        ranges[axis] = ranges[axis][::-1]
    return sliced(builder, call, x, ranges)


def filled(number: float | None) -> Writer:
    """zeros_like, ones_like and full_like: the tensor's shape, with one number everywhere."""

    def write(builder: GraphBuilder, call: Call, _like: Value, fill_value: Any = None) -> Value | None:
        value = operand(fill_value if number is None else number, call, "number")
        if value.constant is None or value.constant.size != 1:
            return None
        kind, shape = kind_given(call), shape_of(call)
        given = builder.written(value, value.constant.reshape(()), kind)
        made = builder.node("Expand", [given, builder.shape_tensor(shape, call.name)], call.name)
        return result(call, made)

    return write


def depth_to_space(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    operation = call.operation
    if operation.data_format != "channels_last":
        return None
    x = builder.turned(x, canonical(4), call.name)
    made = builder.node("DepthToSpace", [x.name], call.name, blocksize=operation.block_size, mode="DCR")
    return replace(x, name=made, shape=shape_of(call), turn="")


def space_to_depth(builder: GraphBuilder, call: Call, x: Value) -> Value | None:
    operation = call.operation
    if operation.data_format != "channels_last":
        return None
    x = builder.turned(x, canonical(4), call.name)
    made = builder.node("SpaceToDepth", [x.name], call.name, blocksize=operation.block_size)
    return replace(x, name=made, shape=shape_of(call), turn="")


SHAPES: dict[str, Writer] = {
    "BroadcastTo": broadcast_to,
    "Concatenate": concatenate,
    "DepthToSpace": depth_to_space,
    "ExpandDims": expand_dims,
    "Flip": flip,
    "FullLike": filled(None),
    "GetItem": get_item,
    "OnesLike": filled(1),
    "Pad": pad,
    "Reshape": reshape,
    "Slice": slice_,
    "SpaceToDepth": space_to_depth,
    "Split": split,
    "Squeeze": squeeze,
    "Tile": tile,
    "Transpose": transpose,
    "Unstack": unstack,
    "ZerosLike": filled(0),
}

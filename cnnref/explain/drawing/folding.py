"""A network of hundreds of layers as a dozen volumes: which layers belong together in a picture.

Names say where a layer is (`stage2_block1_conv1`, `inception3a_1x1`, `fire2_squeeze`); where they do not, or where
they would put far-apart layers together, the size of the feature maps decides.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...arithmetic import wording as words

if TYPE_CHECKING:
    from ...arithmetic import LayerRow

#: The most volumes that a picture shows layer by layer or stage by stage, and block by block.
MANY, FEW = 16, 12
#: Maps of one stage differ in width by less than this: by one stride of 2 and some edges.
LARGEST_RATIO = 4

BLOCK = re.compile(r"(?:block|layer|unit|cell|module)_?\d+[a-z]?")
LETTERED = re.compile(r"([A-Za-z]+\d+)[a-z]")
DIMENSION = re.compile(r".*(?:conv|pooling|padding|cropping|sampling)[123]d")
COUNTED = re.compile(r"[a-z]+(?:_[a-z]+)*(?:[123]d)?(?:_[a-z]+)*_\d+", re.IGNORECASE)
BLOCK_INSIDE = re.compile(r"(?:^|_)((?:block|layer|unit|cell|module)_?\d+[a-z]?|[a-z]+\d+[a-z])(?=_|$)")

#: More layers than this are counted, not listed one by one.
MOST_LISTED = 2
SHORT_NAMES = {
    "DepthwiseConv2D": "depthwise",
    "SeparableConv2D": "separable",
    "Conv2DTranspose": "conv up",
    "MaxPooling2D": "max",
    "AveragePooling2D": "mean",
    "GlobalAveragePooling2D": "global mean",
    "GlobalMaxPooling2D": "global max",
    "Concatenate": "concat",
}
#: What an activation is called in a layer's name, and on paper; a layer of the class Activation tells no other way.
ACTIVATION_NAMES = {
    "relu": "ReLU", "relu6": "ReLU6", "tanh": "tanh", "sigmoid": "sigmoid", "softmax": "softmax", "gelu": "GELU",
    "swish": "swish", "silu": "swish", "elu": "ELU", "selu": "SELU", "leaky": "leaky ReLU", "leakyrelu": "leaky ReLU",
    "hardswish": "hard swish", "hardsilu": "hard swish", "hardsigmoid": "hard sigmoid",
}  # fmt: skip


@dataclass(frozen=True)
class Volume:
    """Layers that a picture shows as one box: what comes out of them, and what they take.

    Attributes:
        name: What the layers have in common, "stage2", or the first and the last: "block_4 - block_6".
        category: One of the categories in `words`, the weightiest of the layers'.
        output_shape: Without the batch; of the last layer.
        rows: The layers, in the order of the model's summary.
        blocks: How many blocks or modules they make; 0 where they are just one after the other.
        inputs: Places in the list of volumes of those that it reads, in order.
    """

    name: str
    category: str
    output_shape: tuple[int, ...]
    rows: tuple[LayerRow, ...]
    blocks: int
    inputs: tuple[int, ...]

    @property
    def convolutions(self) -> int:
        """How many of the layers convolve."""
        return sum(words.category_of(row) == words.CONVOLUTION for row in self.rows)

    @property
    def parameters(self) -> int:
        """The parameters of all its layers."""
        return sum(row.parameters for row in self.rows)

    @property
    def macs(self) -> int | None:
        """The multiply-accumulates of all its layers; None if those of one layer are not known."""
        return words.total_macs(self.rows)

    @property
    def receptive_field(self) -> tuple[int, int] | None:
        """Pixels of the image that a unit of the last layer sees; None where it is not known."""
        return self.rows[-1].receptive_field


def fold(rows: Sequence[LayerRow]) -> list[Volume]:
    """Group the rows of `layer_table` into volumes, inputs first; every row is in exactly one.

    The finest of these that is small enough and makes sense: a volume a layer (if they are a plain chain), a block, a
    stage, a size of the maps.
    """
    network = _Network(rows)
    for labels, most in ((network.by_layer(), MANY), (network.by_name(1), FEW), (network.by_name(0), MANY)):
        if labels and len(set(labels)) <= most and network.is_plausible(labels):
            return network.volumes(labels)
    return network.volumes(network.by_size())


def stage_and_block(name: str) -> tuple[str, str]:
    """The stage and the block that a layer's name tells: ("stage2", "stage2_block1"), ("fire2", "fire2")."""
    outer, slash, local = name.rpartition("/")
    if COUNTED.fullmatch(local):  # conv2d_17: a counter of Keras, no place
        return name, name
    first, *rest = local.split("_")
    if rest and (rest[0].isdigit() or (BLOCK.fullmatch(rest[0]) and not re.search(r"\d", first))):
        first = f"{first}_{rest.pop(0)}"  # block_3_expand, dense_block3_conv1
    lettered = LETTERED.fullmatch(first)
    if lettered and not DIMENSION.fullmatch(first):
        stage, block = lettered[1], first
    elif rest and BLOCK.fullmatch(rest[0]):
        stage, block = first, f"{first}_{rest[0]}"
    else:
        stage = block = first
    return f"{outer}{slash}{stage}", f"{outer}{slash}{block}"


class _Network:
    """The rows as a graph: `sources[i]` are the rows that row i reads."""

    def __init__(self, rows: Sequence[LayerRow]) -> None:
        self.rows = rows
        self.categories = [words.category_of(row) for row in rows]
        self.sources: list[list[int]] = []
        self.readers: list[list[int]] = [[] for _ in rows]
        latest: dict[str, int] = {}
        for index, row in enumerate(rows):
            self.sources.append([latest[name] for name in dict.fromkeys(row.inputs) if name in latest])
            for source in self.sources[-1]:
                self.readers[source].append(index)
            latest[row.name] = index
        self.units = self._units()
        self.joined = {index for unit in self.units if self._branches(unit) for index in unit}
        self.major = [self._is_major(index) for index in range(len(rows))]

    def _is_major(self, index: int) -> bool:
        """Whether a row may be a volume of its own; the others belong to the row that they read."""
        if self.categories[index] in (words.INPUT, words.CONVOLUTION, words.POOLING, words.DENSE):
            return True
        if self.categories[index] == words.JOINING:
            # Of branches (a normalization may be written with sums, too), unless it is the named end of a stage.
            name = self.rows[index].name
            return index in self.joined and (
                bool(COUNTED.fullmatch(name)) or not re.search(r"\d", stage_and_block(name)[0])
            )
        before = [self.rows[source].output_shape for source in self.sources[index]]
        flattens = len(self.rows[index].output_shape) == 1
        return flattens and any(len(shape) > 1 and max(shape[:-1]) > 1 for shape in before)

    def _units(self) -> list[range]:
        """Runs of rows, each of which hands just one output to the rest: a plain layer, or a block with branches."""
        units, start, live = [], 0, set()
        for index in range(len(self.rows)):
            live.add(index)
            live = {known for known in live if any(reader > index for reader in self.readers[known])}
            if live <= {index}:
                units.append(range(start, index + 1))
                start = index + 1
        return units

    def _branches(self, unit: Iterable[int]) -> bool:
        return {words.CONVOLUTION, words.JOINING} <= {self.categories[index] for index in unit}

    def by_layer(self) -> list[Hashable]:
        """A label for each row; an empty list if the network is not a chain."""
        if any(len(rows) > 1 for rows in (*self.sources, *self.readers)):
            return []
        return self._with_minor_rows(list(range(len(self.rows))))

    def by_name(self, depth: int) -> list[Hashable]:
        """Labels from the names: 0 for stages, 1 for blocks."""
        labels: list[Hashable] = [
            f"{index}" if category == words.INPUT else stage_and_block(self.rows[index].name)[depth]
            for index, category in enumerate(self.categories)
        ]
        return self._with_minor_rows(labels)

    def by_size(self) -> list[Hashable]:
        """A label for each run of units whose maps are of one size, edges aside; dense layers are on their own."""
        labels: list[Hashable] = [None] * len(self.rows)
        width = label = 0  # of the first maps of the run; 0 if nothing can follow in the same run
        for unit in self.units:
            shape = self.rows[unit[-1]].output_shape[:-1]
            alone = not shape or any(self.categories[index] == words.INPUT for index in unit)
            if alone or not width < 2 * shape[0] <= 2 * width or self.categories[unit[-1]] == words.PADDING:
                label += 1
                width = 0 if alone or self.categories[unit[-1]] == words.PADDING else shape[0]
            for index in unit:
                labels[index] = label
        labels = self._with_minor_rows(labels)
        # A block that begins at the old size, with a 1x1 convolution, say, belongs where it ends.
        blocks = [stage_and_block(row.name)[1] for row in self.rows]
        ends = {block: label for block, label in zip(blocks, labels, strict=True) if BLOCK.search(block)}
        whole = [ends.get(block, label) for block, label in zip(blocks, labels, strict=True)]
        return whole if self._is_forward(whole) else labels

    def _is_forward(self, labels: Sequence[Hashable]) -> bool:
        """Whether no group reads one that begins later."""
        rank = {label: position for position, label in enumerate(dict.fromkeys(labels))}
        return all(
            rank[labels[source]] <= rank[labels[index]]
            for index in range(len(labels))
            for source in self.sources[index]
        )

    def _with_minor_rows(self, labels: list[Hashable]) -> list[Hashable]:
        """Give rows without a volume of their own to one: a pad to what reads it, others to what they read."""
        majors = {label for label, major in zip(labels, self.major, strict=True) if major}
        for index in reversed(range(len(labels))):
            if self.categories[index] == words.PADDING and labels[index] not in majors and self.readers[index]:
                labels[index] = labels[self.readers[index][0]]
        for index, label in enumerate(labels):
            if label not in majors and self.sources[index]:
                labels[index] = labels[max(self.sources[index])]
        return labels

    def is_plausible(self, labels: Sequence[Hashable]) -> bool:
        """Whether data goes only forward from group to group, and no group but the stem has very different sizes."""
        if not self._is_forward(labels):
            return False
        widths: dict[Hashable, list[int]] = {}
        for unit in self.units:
            size = self.rows[unit[-1]].output_shape[:-1][:2]  # a channel shuffle has more axes, for a while
            if size and max(size) > 1 and self.categories[unit[-1]] != words.PADDING:
                widths.setdefault(labels[unit[-1]], []).append(max(size))
        return all(
            label == "stem" or len(found) == 1 or max(found) < LARGEST_RATIO * min(found)
            for label, found in widths.items()
        )

    def volumes(self, labels: Sequence[Hashable]) -> list[Volume]:
        """The groups of equal labels, in the order in which they begin."""
        order = list(dict.fromkeys(labels))
        rank = {label: position for position, label in enumerate(order)}
        found = []
        for label in order:
            inside = [index for index, other in enumerate(labels) if other == label]
            read = {rank[labels[source]] for index in inside for source in self.sources[index]} - {rank[label]}
            found.append(
                Volume(
                    name=self._name(label, inside),
                    category=self._category(inside),
                    output_shape=self.rows[inside[-1]].output_shape,
                    rows=tuple(self.rows[index] for index in inside),
                    blocks=self._blocks(inside),
                    inputs=tuple(sorted(read)),
                )
            )
        return found

    def _category(self, inside: Sequence[int]) -> str:
        """An activation or a sum changes no category: convolutions outweigh pooling, that outweighs the rest."""
        sorts = {self.categories[index] for index in inside}
        for sort in (words.INPUT, words.CONVOLUTION, words.DENSE, words.POOLING, words.JOINING):
            if sort in sorts:
                return sort
        return words.OTHER

    def _name(self, label: Hashable, inside: Sequence[int]) -> str:
        major = [
            self.rows[index].name for index in inside if self.major[index] or self.categories[index] == words.JOINING
        ]
        names = major or [self.rows[index].name for index in inside]
        if isinstance(label, str) and (len(names) > 1 or re.search(r"\d", label)) and not label.isdigit():
            return label.rpartition("/")[2]
        stages = [
            stage_and_block(name)[0] if re.search(r"\d", stage_and_block(name)[0]) else name
            for name in (names[0], names[-1])
        ]
        first, last = (stage.rpartition("/")[2] for stage in (stages if len(names) > 1 else (names[0], names[0])))
        return first if first == last else f"{first} - {last}"

    def _blocks(self, inside: Sequence[int]) -> int:
        """By their names, or else the units with branches."""
        named: set[str] = set()
        for index in inside:
            name = self.rows[index].name
            ends = [match.end() for match in BLOCK_INSIDE.finditer(name) if not DIMENSION.fullmatch(match[1])]
            named.update(name[: max(ends)] for _ in ends[:1])
        named = {name for name in named if not any(other.startswith(f"{name}_") for other in named)}
        members = set(inside)
        branching = sum(self._branches(unit) for unit in self.units if members.issuperset(unit))
        return len(named) if len(named) > 1 or (named and branching) else branching


def operations_of(volume: Volume) -> tuple[str, ...]:
    """What the layers of a volume do, in short lines for an arrow: ("conv 5x5", "tanh"), or ("3 blocks", "10 conv")."""
    listed = [row for row in volume.rows if words.category_of(row) in (words.CONVOLUTION, words.POOLING, words.DENSE)]
    if not listed:
        return tuple(row.kind.lower() for row in volume.rows[:1])
    if len(listed) <= MOST_LISTED and not volume.blocks:
        return (*(line for row in listed for line in _operation(row)), *_activation(volume.rows))
    lines = [f"{volume.blocks} block{'s' * (volume.blocks > 1)}"] if volume.blocks else []
    for sort, word in ((words.CONVOLUTION, "conv"), (words.DENSE, "dense")):
        if count := sum(words.category_of(row) == sort for row in listed):
            lines.append(f"{count} {word}")
    if words.category_of(listed[-1]) == words.POOLING:
        lines.extend(_operation(listed[-1]))
    return tuple(lines)


def _operation(row: LayerRow) -> tuple[str, ...]:
    sort = words.category_of(row)
    name = SHORT_NAMES.get(row.kind, {words.CONVOLUTION: "conv", words.DENSE: "dense"}.get(sort, row.kind.lower()))
    if row.kernel is None:
        return tuple(name.split())
    stride = f" /{max(row.strides)}" if row.strides and max(row.strides) > 1 else ""
    return (f"{name} {words.format_shape(row.kernel)}{stride}",)


def _activation(rows: Sequence[LayerRow]) -> tuple[str, ...]:
    """The last activation, where its class or its name says which."""
    for row in reversed(rows):
        if words.category_of(row) == words.ACTIVATION:
            parts = [row.kind.lower(), *re.split(r"[_/]", row.name.lower().replace("hard_", "hard"))[::-1]]
            return next(((ACTIVATION_NAMES[part],) for part in parts if part in ACTIVATION_NAMES), ())
    return ()

"""The calls of a Keras model in the order of its summary, with those of nested models.

Only attributes of the model are read, and Keras is not imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InputError


@dataclass(frozen=True, eq=False)
class Tensor:
    """An output of a call. `symbol` is the KerasTensor, `source` the name of the layer that made it."""

    source: str
    symbol: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of all axes, the batch first."""
        return tuple(self.symbol.shape)


@dataclass(frozen=True, eq=False)
class Call:
    """One use of a layer or of a keras.ops operation; a shared layer has several.

    `name` begins with the names of the nested models: "backbone/stem". `arguments` are the positional and keyword
    arguments of the call, with symbolic tensors among them.
    """

    name: str
    operation: Any
    arguments: tuple[tuple[Any, ...], dict[str, Any]]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @property
    def keras_class(self) -> str:
        """The Keras class of the operation, or its nearest Keras base class; "Layer" for a custom layer."""
        classes = type(self.operation).__mro__
        return next((c.__name__ for c in classes if c.__module__.partition(".")[0] == "keras"), "object")


@dataclass(frozen=True, eq=False)
class Graph:
    """The calls of a model, inputs first, and its input and output tensors."""

    calls: tuple[Call, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def calls(model: Any) -> list[Call]:
    """Every call of a functional or built sequential model, inputs first; see `trace`."""
    return list(trace(model).calls)


def trace(model: Any, *, open_sizes: bool = False) -> Graph:
    """The calls of a functional or built sequential model.

    Args:
        model: the model.
        open_sizes: also read one in which axes other than the batch have no fixed size.

    Raises:
        InputError: The model has no graph or a `call` of its own, an axis other than the batch has no fixed size, or a
            layer has the channels before height and width.
    """
    graph = _graph(model)
    if graph is None and _calls_itself(model):
        raise InputError(
            f"{getattr(model, 'name', model)!r} has a `call` of its own, which no graph tells; write it as a "
            "functional model, keras.Model(inputs, outputs)."
        )
    if graph is None:
        raise InputError(
            f"{getattr(model, 'name', model)!r} has no graph of layers; give a functional Keras model, "
            "or a sequential one that has been built with its input shape."
        )
    found: list[Call] = []
    inputs = []
    for symbol in graph.inputs:
        layer = symbol._keras_history.operation
        inputs.append(Tensor(layer.name, symbol))
        found.append(Call(layer.name, layer, ((), {}), (), (inputs[-1],)))
    outputs = _append_calls(graph, inputs, "", found)
    for call in found:
        if getattr(call.operation, "data_format", None) == "channels_first":
            raise InputError(f"Layer {call.name} keeps channels first; only [batch, height, width, channels] is read.")
        for tensor in call.outputs:
            if None in tensor.shape[1:] and not open_sizes:
                raise InputError(
                    f"The output of {call.name} has no fixed size, {tensor.shape}; build the model with an "
                    "input shape in which only the batch is open."
                )
    return Graph(tuple(found), tuple(inputs), tuple(outputs))


def calls_by_name(found: Sequence[Call]) -> dict[str, Call]:
    """Calls by name; the second call of a layer has "#2" behind its name, and so on."""
    calls: dict[str, Call] = {}
    for call in found:
        number, name = 1, call.name
        while name in calls:
            number += 1
            name = f"{call.name}#{number}"
        calls[name] = call
    return calls


def _graph(model: Any) -> Any:
    """The object with the nodes: the model, or the functional model inside a Sequential; None if there is none.

    A model with a `call` of its own may have a graph, but need not compute what that says.
    """
    if _calls_itself(model):
        return None
    graph = getattr(model, "_functional", None) or model
    return graph if hasattr(graph, "_nodes_by_depth") else None


def _calls_itself(model: Any) -> bool:
    """Whether a subclass of Keras' models says by itself what it computes."""
    classes = type(model).__mro__
    owner = next((one for one in classes if "call" in vars(one)), None)
    is_model = any(one.__name__ == "Model" and one.__module__.partition(".")[0] == "keras" for one in classes)
    return is_model and owner is not None and owner.__module__.partition(".")[0] != "keras"


def _append_calls(graph: Any, given: Sequence[Tensor], prefix: str, found: list[Call]) -> list[Tensor]:
    """Append each call of a graph to `found`, in order, and return the tensors of its outputs."""
    known = {id(symbol): tensor for symbol, tensor in zip(graph.inputs, given, strict=True)}
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if node.is_input or any(id(symbol) not in known for symbol in node.input_tensors):
                continue
            inputs = tuple(known[id(symbol)] for symbol in node.input_tensors)
            name = prefix + node.operation.name
            nested = _graph(node.operation)
            if nested is None:
                outputs: Sequence[Tensor] = [Tensor(name, symbol) for symbol in _outputs_of(node, inputs)]
                arguments = (node.arguments.args, node.arguments.kwargs)
                found.append(Call(name, node.operation, arguments, inputs, tuple(outputs)))
            else:
                outputs = _append_calls(nested, inputs, f"{name}/", found)
            known.update((id(symbol), tensor) for symbol, tensor in zip(node.outputs, outputs, strict=True))
    return [known[id(symbol)] for symbol in graph.outputs]


def _outputs_of(node: Any, inputs: Sequence[Tensor]) -> list[Any]:
    """The symbolic outputs of a call, computed again where a nested model is called with another size than its own."""
    if all(tensor.shape == tuple(own.shape) for tensor, own in zip(inputs, node.input_tensors, strict=True)):
        return list(node.outputs)
    symbols = {id(own): tensor.symbol for tensor, own in zip(inputs, node.input_tensors, strict=True)}
    args, kwargs = node.arguments.fill_in(symbols)
    results = node.operation.compute_output_spec(*args, **kwargs)
    return list(results) if isinstance(results, list | tuple) else [results]

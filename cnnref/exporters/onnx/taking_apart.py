"""Takes a layer, or any function of tensors, apart into the keras.ops operations that it computes with.

Keras' own operations record what they are called with when they are called with KerasTensors, which have a shape and
no values. A layer's `call`, called so, gives the graph of its operations. Weights and eager tensors are constants.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

from ...arithmetic.graph import Call, Graph, Tensor
from ...environment import keras
from ...errors import NoFormError

#: Where Keras' own code computes with `backend` and not with `keras.ops`, which alone records its calls.
WITH_BACKEND = ("keras.src.layers.", "keras.src.activations.", "keras.src.ops.", "keras.src.backend.common.variables")


def function_of(layer: Any) -> Callable[..., Any]:
    """What a layer computes in inference, as a function of its inputs."""

    def call(*arguments: Any, **options: Any) -> Any:
        if getattr(layer, "_call_has_training_arg", False):
            options["training"] = False
        return layer.call(*arguments, **options)

    return call


def take_apart(function: Callable[..., Any], call: Call, shapes: Sequence[tuple[int, ...]]) -> Graph:
    """The operations of a function that is called with the arguments of a call.

    Args:
        function: takes the arguments of the call and returns a tensor or several.
        call: whose name stands in front of the names of the operations.
        shapes: the shapes of the inputs, in which the size of the batch is `BATCH`.

    Raises:
        NoFormError: the function needs values and not only shapes, or uses another library than Keras.
    """
    symbols = [keras.KerasTensor(shape, tensor.symbol.dtype) for shape, tensor in zip(shapes, call.inputs, strict=True)]
    given = iter(symbols)
    args, kwargs = keras.tree.map_structure(
        lambda part: next(given) if isinstance(part, keras.KerasTensor) else part, call.arguments
    )
    try:
        with _symbolic(call.operation), keras.StatelessScope():
            results = keras.tree.flatten(function(*args, **kwargs))
    except NoFormError:
        raise
    except Exception as error:  # a layer's own code may raise anything
        reason = " ".join(str(error).split())[:200]
        raise NoFormError(
            f"{call.name} ({type(call.operation).__name__}) cannot be taken apart into keras.ops ({reason})."
        ) from error
    inputs = [Tensor(call.name, symbol) for symbol in symbols]
    return _graph(call, inputs, [result for result in results if result is not None])


def _graph(call: Call, inputs: Sequence[Tensor], results: Sequence[Any]) -> Graph:
    """The calls that the results come from, each behind those that it reads."""
    known = {id(tensor.symbol): tensor for tensor in inputs}
    found: list[Call] = []
    waiting = [(result, False) for result in reversed(results)]
    while waiting:
        symbol, is_ready = waiting.pop()
        if id(symbol) in known:
            continue
        history = getattr(symbol, "_keras_history", None)
        if history is None or history.operation is None:
            raise NoFormError(
                f"{call.name} ({type(call.operation).__name__}) gives what is not computed from its input."
            )
        node = history.operation._inbound_nodes[history.node_index]
        if not is_ready:
            waiting.append((symbol, True))
            waiting.extend((tensor, False) for tensor in reversed(node.input_tensors))
            continue
        name = f"{call.name}/{_name(history.operation)}"
        outputs = tuple(Tensor(name, output) for output in node.outputs)
        arguments = (node.arguments.args, node.arguments.kwargs)
        read = tuple(known[id(tensor)] for tensor in node.input_tensors)
        found.append(Call(name, history.operation, arguments, read, outputs))
        known.update((id(output.symbol), output) for output in outputs)
    return Graph(tuple(found), tuple(inputs), tuple(known[id(result)] for result in results))


def _name(operation: Any) -> str:
    """A layer's own name; of an operation its class, since Keras numbers the names of those as they come."""
    if isinstance(operation, keras.Layer):
        return str(operation.name)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(operation).__name__).lower()


@contextlib.contextmanager
def _symbolic(operation: Any) -> Iterator[None]:
    """Let code that computes with `backend` compute with `keras.ops`, wherever it is given a KerasTensor."""
    real = sys.modules["keras.src.backend"]
    stand_in = _Backend(real)
    with contextlib.ExitStack() as stack:
        for name, module in list(sys.modules.items()):
            if name.startswith(WITH_BACKEND) and getattr(module, "backend", None) is real:
                stack.callback(setattr, module, "backend", real)
                module.__dict__["backend"] = stand_in
        if hasattr(operation, "backend"):  # preprocessing layers have one of their own
            own = vars(operation).get("backend")
            vars(operation)["backend"] = stand_in
            stack.callback(vars(operation).__setitem__, "backend", own)
        yield


class _Backend:
    """Stands for the backend, or a module of it: functions that are given KerasTensors become those of keras.ops."""

    def __init__(self, real: Any) -> None:
        self._real = real

    @property
    def name(self) -> str:
        """The name of the backend, which preprocessing layers ask for."""
        return str(keras.backend.backend())

    _backend = name

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if isinstance(found, ModuleType):
            return _Backend(found)
        if isinstance(found, type) or not callable(found):
            return found

        def routed(*args: Any, **kwargs: Any) -> Any:
            symbolic = any(isinstance(part, keras.KerasTensor) for part in keras.tree.flatten((args, kwargs)))
            counterpart = _counterpart(name) if symbolic else None
            return (counterpart or found)(*args, **kwargs)

        return routed


def _counterpart(name: str) -> Callable[..., Any] | None:
    """The function of keras.ops that bears the name of a function of the backend."""
    if name in RECURRENT:
        return RECURRENT[name]
    if name in AS_THEY_ARE:
        return None
    for module in (keras.ops, keras.ops.image, keras.ops.linalg):
        if hasattr(module, name):
            found: Callable[..., Any] = getattr(module, name)
            return found
    return None


def _no_kernel(*_args: Any, **_options: Any) -> Any:
    """Recurrent layers ask first whether the backend has a kernel for all steps at once."""
    raise NotImplementedError


def _unrolled(
    step: Callable[..., Any],
    inputs: Any,
    states: Sequence[Any],
    go_backwards: bool = False,
    mask: Any = None,
    constants: Any = None,
    **options: Any,
) -> tuple[Any, Any, list[Any]]:
    """The steps of a recurrent layer one after the other; gives the last output, all outputs and the last states."""
    count = inputs.shape[1]
    if mask is not None or constants is not None or options.get("time_major") or count > LONGEST:
        raise NoFormError(f"A recurrent layer over {count} steps, or with a mask, is not unrolled.")
    outputs = []
    for place in reversed(range(count)) if go_backwards else range(count):
        output, states = step(inputs[:, place], states)
        outputs.append(output)
    return outputs[-1], keras.ops.stack(outputs, axis=1), list(states)


#: The steps that a recurrent layer may have to be written one by one.
LONGEST = 256
RECURRENT: dict[str, Callable[..., Any]] = {"gru": _no_kernel, "lstm": _no_kernel, "rnn": _unrolled}
#: Functions of the backend that only ask something of a tensor.
AS_THEY_ARE = {"is_tensor"}

"""JAX: many steps as one compiled scan. Pictures stay on the device, and so does their augmentation.

With several devices, also of several hosts, every batch is divided between them (Keras' DataParallel), and the
compiler inserts what must be summed: gradients, and the statistics of batch normalization.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from ...data.batches import BatchPlan
from ...environment import keras
from ...errors import InputError
from ...stored_pictures import StoredPictures
from ..phases import Pictures
from ..train_state import TrainState

#: Where pictures stay in a file: the most steps at a time, and the bytes of their pictures.
MAX_STEPS_PER_CALL, AHEAD = 16, 64 << 20


class JaxEngine:
    """See `cnnref.training.engines.Engine`."""

    def __init__(self, state: TrainState, plan: BatchPlan, pictures: Pictures, *, devices: str = "one") -> None:
        #: Pictures that are no array stay in their file, and those of a few steps at a time come to the device.
        self._stored = pictures.images if isinstance(pictures.images, StoredPictures) else None
        few = int(np.clip(AHEAD // plan.batch_bytes, 1, MAX_STEPS_PER_CALL))
        self.steps_per_call = plan.steps_per_epoch if self._stored is None else few
        self._state, self._plan = state, plan
        self._variables = list(state.variables.values())
        chosen = jax.devices() if devices == "all" else jax.devices()[:1]
        if plan.batch_size % len(chosen):
            raise InputError(
                f"batch_size is {plan.batch_size}, for {len(chosen)} devices; give a multiple of {len(chosen)}."
            )
        mesh = jax.sharding.Mesh(np.array(chosen), ("batch",))
        self._everywhere = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
        self._divided = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(None, "batch"))
        images = pictures.images if self._stored is None else None
        self._data = self._put((images, pictures.labels.astype(np.int32)), self._everywhere)
        # Handed over, since what a compiled function merely knows would become a part of its program.
        self._fixed = self._put([np.asarray(variable.value) for variable in state.fixed], self._everywhere)
        self._compiled = jax.jit(self._scan, donate_argnums=0, out_shardings=self._everywhere)

    def run(self, first: int, last: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Do the steps from `first` to before `last`."""
        steps = [self._plan.step(number) for number in range(first, last)]
        chosen, changes = jax.tree.map(lambda *arrays: np.stack(arrays), *steps)
        state = self._put([np.asarray(v.value) for v in self._variables], self._everywhere)
        shown = None
        if self._stored is not None:
            shown = self._stored[chosen.ravel()].reshape(*chosen.shape, *self._stored.shape[1:])
        views = self._plan.views(chosen, changes).astype(np.int32)
        plan = self._put((chosen.astype(np.int32), changes, shown, views), self._divided)
        state, (losses, right) = self._compiled(state, self._data, self._fixed, plan)
        for variable, value in zip(self._variables, state, strict=True):
            variable.assign(np.asarray(value))
        return np.asarray(losses), np.asarray(right)

    def close(self) -> None:
        """Nothing runs in the background."""

    def _put(self, tree: Any, sharding: jax.sharding.Sharding) -> Any:
        """Arrays that every process has whole, spread over the devices."""
        return jax.tree.map(
            lambda array: jax.make_array_from_callback(array.shape, sharding, lambda index: array[index]), tree
        )

    def _scan(self, state: list[Any], data: tuple[Any, Any], fixed: list[Any], plan: Any) -> Any:
        images, labels = data
        constants = list(zip(self._state.fixed, fixed, strict=True))

        def step(state: list[Any], one: Any) -> tuple[list[Any], Any]:
            chosen, changes, shown, views = one
            batch = self._plan.augmentation.apply(images[chosen] if shown is None else shown, changes, jax.numpy)
            with keras.StatelessScope([*zip(self._variables, state, strict=True), *constants]) as scope:
                found = self._step((batch, labels[chosen], changes.get("share"), views), constants)
                return [scope.get_current_value(variable) for variable in self._variables], found

        return jax.lax.scan(step, state, plan)

    def _step(self, batch: tuple[Any, ...], constants: list[Any]) -> tuple[Any, Any]:
        """One step inside a scope that stands for the variables; `constants` are those that never change."""
        state = self._state
        buffers = [variable.value for variable in state.buffers]

        def loss_of(trained: Sequence[Any]) -> Any:
            known = [*zip(state.trained, trained, strict=True), *zip(state.buffers, buffers, strict=True), *constants]
            with keras.StatelessScope(known) as scope:
                loss, right = state.forward(*batch)
                return loss, (right, [scope.get_current_value(variable) for variable in state.buffers])

        trained = [variable.value for variable in state.trained]
        (loss, (right, found)), gradients = jax.value_and_grad(loss_of, has_aux=True)(trained)
        for variable, value in zip(state.buffers, found, strict=True):
            variable.assign(value)
        state.update(gradients)
        return loss, right

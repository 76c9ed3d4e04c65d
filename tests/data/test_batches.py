"""Batches: an order that seed and step decide, and the thread that prepares them."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnref.data.augmentation import Augmentation
from cnnref.data.batches import BatchPlan, prefetch


def numbered(count: Any) -> Any:
    """Pictures that carry their own number, which is also the label."""
    labels = np.arange(count)
    return np.broadcast_to(labels[:, None, None, None], (count, 4, 4, 1)).astype(np.uint8), labels


def plan(images: Any, **options: Any) -> Any:
    return BatchPlan(images.shape, **{"batch_size": 4, "seed": 0, **options})


def test_an_epoch_shows_every_picture_once_with_its_label() -> None:
    images, labels = numbered(12)
    epoch = list(plan(images).batches(images, labels, 0, 3))
    assert all(batch.dtype == np.uint8 and batch.shape == (4, 4, 4, 1) for batch, *_ in epoch)
    for batch, targets, shares, _ in epoch:
        assert (shares == 1).all()
        np.testing.assert_array_equal(batch[:, 0, 0, 0], targets)
    shown = np.concatenate([targets for _, targets, *_ in epoch])
    assert sorted(shown) == list(range(12))
    assert list(shown) != list(range(12))


def test_pictures_left_over_differ_from_epoch_to_epoch() -> None:
    images, _ = numbered(11)
    order = plan(images)
    assert order.steps_per_epoch == 2
    left_over = set()
    for epoch in range(10):
        shown = np.concatenate([order.step(number)[0] for number in (2 * epoch, 2 * epoch + 1)])
        assert len(set(shown)) == 8
        left_over.add(frozenset(range(11)) - frozenset(shown))
    assert len(left_over) > 5


@settings(max_examples=50, deadline=None)
@given(counts=st.lists(st.integers(1, 9), min_size=2, max_size=5), seed=st.integers(0, 1000), epoch=st.integers(0, 3))
def test_an_epoch_shows_every_class_equally_often_where_that_is_asked_for(
    counts: list[int], seed: int, epoch: int
) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    images = np.zeros((len(labels), 2, 2, 1), np.uint8)
    order = plan(images, batch_size=1, seed=seed, balanced=labels)
    shown = np.concatenate([order.step(epoch * len(labels) + place)[0] for place in range(len(labels))])
    times = np.bincount(labels[shown], minlength=len(counts))
    assert times.max() - times.min() <= 1
    for label in range(len(counts)):  # and within a class every picture as often as any other, give or take one
        each = np.bincount(shown, minlength=len(labels))[labels == label]
        assert each.max() - each.min() <= 1
    again = plan(images, batch_size=1, seed=seed, balanced=labels)
    assert again.step((epoch + 1) * len(labels) - 1)[0] == shown[-1]


@settings(max_examples=20, deadline=None)
@given(
    count=st.integers(4, 12),
    batch_size=st.integers(1, 4),
    seed=st.integers(0, 1000),
    first=st.integers(0, 40),
    augmentation=st.sampled_from([
        Augmentation(), Augmentation(flip=True, translate=1), Augmentation(rotate=30, elastic=1),
        Augmentation(flip=True, alternating=True), Augmentation(crop=0.2, brightness=0.4, erase=0.3, mixup=0.2),
    ]),
)  # fmt: skip
def test_any_step_can_be_asked_for_by_its_number(
    count: Any, batch_size: Any, seed: Any, first: Any, augmentation: Any
) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (count, 5, 5, 1)).astype(np.uint8)
    options = {"batch_size": batch_size, "seed": seed, "augmentation": augmentation}
    whole = list(plan(images, **options).batches(images, np.arange(count), 0, first + 5))[first:]
    later = plan(images, **options).batches(images, np.arange(count), first, first + 5)
    for found, again in zip(whole, later, strict=True):
        for one, other in zip(found, again, strict=True):
            np.testing.assert_array_equal(one, other)


def test_seeds_and_epochs_have_orders_of_their_own() -> None:
    images, _ = numbered(50)
    orders = [tuple(plan(images, batch_size=50, seed=seed).step(epoch)[0]) for seed in (0, 1) for epoch in (0, 1)]
    assert len(set(orders)) == 4


def test_alternating_flips_show_each_side_in_turn() -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 5, 6, 1)).astype(np.uint8)
    order = plan(images, batch_size=40, augmentation=Augmentation(flip=True, alternating=True))
    sides = []
    for epoch in range(4):
        ((batch, places, _, views),) = order.batches(images, np.arange(40), epoch, epoch + 1)
        assert (batch == np.concatenate([images, images[:, :, ::-1]])[views]).all()
        flipped = (batch == images[places, :, ::-1]).all(axis=(1, 2, 3))
        sides.append(flipped[np.argsort(places)])
    assert (sides[0] == ~sides[1]).all()
    assert (sides[0] == sides[2]).all()
    assert (sides[1] == sides[3]).all()
    assert 8 < sides[0].sum() < 32


@pytest.mark.parametrize("count", [0, 1, 100])
@pytest.mark.parametrize("depth", [1, 16])
def test_prefetch_keeps_order_and_ends(count: Any, depth: Any) -> None:
    assert list(prefetch(iter(range(count)), depth)) == list(range(count))


def test_prefetch_raises_the_error_after_what_came_before_it() -> None:
    def broken() -> Iterator[Any]:
        yield 1
        yield 2
        raise KeyError("broken")

    found = prefetch(broken())
    assert [next(found), next(found)] == [1, 2]
    with pytest.raises(KeyError, match="broken"):
        next(found)


def test_prefetch_works_ahead_as_far_as_its_depth() -> None:
    made, asked, ahead = threading.Semaphore(0), [0], []

    def items() -> Iterator[int]:
        for number in range(1000):
            ahead.append(number + 1 - asked[0])
            made.release()
            yield number

    found = prefetch(items(), depth=3)
    for turn in range(100):
        asked[0] += 1
        assert next(found) == turn
        for _ in range(5 if turn == 0 else 1):
            assert made.acquire(timeout=60)  # without being asked again, it makes what may wait
    assert max(ahead) == 4  # three are waiting and one is in hand, beside those that were asked for
    found.close()


def test_prefetch_that_is_closed_ends_its_thread() -> None:
    before = set(threading.enumerate())
    found = prefetch(iter(int, 1), depth=1)
    next(found)
    (started,) = [thread for thread in set(threading.enumerate()) - before if thread.name == "prefetch"]
    found.close()
    started.join(timeout=5)
    assert not started.is_alive()

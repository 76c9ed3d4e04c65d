"""Batches: an order that seed and epoch decide, and the thread that prepares them."""

import threading
import time
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnref.data.augmentation import Augmentation
from cnnref.data.batches import prefetch, training_batches


def numbered(count):
    """Pictures that carry their own number, which is also the label."""
    labels = np.arange(count)
    return np.broadcast_to(labels[:, None, None, None], (count, 4, 4, 1)).astype(np.uint8), labels


def test_an_epoch_shows_every_picture_once_with_its_label():
    images, labels = numbered(12)
    epoch = list(islice(training_batches(images, labels, batch_size=4, seed=0), 3))
    assert all(batch.dtype == np.float32 and batch.shape == (4, 4, 4, 1) for batch, _ in epoch)
    for batch, targets in epoch:
        np.testing.assert_array_equal(batch[:, 0, 0, 0], targets)
    shown = np.concatenate([targets for _, targets in epoch])
    assert sorted(shown) == list(range(12))
    assert list(shown) != list(range(12))


def test_pictures_left_over_differ_from_epoch_to_epoch():
    stream = training_batches(*numbered(11), batch_size=4, seed=0)
    left_over = set()
    for _ in range(10):
        shown = np.concatenate([targets for _, targets in islice(stream, 2)])
        assert len(set(shown)) == 8
        left_over.add(frozenset(range(11)) - frozenset(shown))
    assert len(left_over) > 5


def test_fewer_pictures_than_a_batch_give_an_end_and_no_loop():
    assert list(training_batches(*numbered(3), batch_size=4, seed=0)) == []


@settings(max_examples=20, deadline=None)
@given(
    count=st.integers(4, 12),
    batch_size=st.integers(1, 4),
    seed=st.integers(0, 1000),
    first_epoch=st.integers(0, 4),
    augmentation=st.sampled_from([None, Augmentation(flip=True, translate=1), Augmentation(rotate=30, elastic=1)]),
)
def test_a_stream_from_a_later_epoch_is_the_tail_of_the_stream(count, batch_size, seed, first_epoch, augmentation):
    images = np.random.default_rng(seed).integers(0, 256, (count, 5, 5, 1)).astype(np.uint8)
    options = {"batch_size": batch_size, "seed": seed, "augmentation": augmentation}
    steps = count // batch_size
    whole = islice(
        training_batches(images, np.arange(count), **options), first_epoch * steps, (first_epoch + 2) * steps
    )
    later = islice(training_batches(images, np.arange(count), **options, first_epoch=first_epoch), 2 * steps)
    for (batch, targets), (again, same) in zip(whole, later, strict=True):
        np.testing.assert_array_equal(batch, again)
        np.testing.assert_array_equal(targets, same)


def test_seeds_and_epochs_have_orders_of_their_own():
    def order(**options):
        return tuple(next(training_batches(*numbered(50), batch_size=50, **options))[1])

    orders = [order(seed=0), order(seed=1), order(seed=0, first_epoch=1), order(seed=1, first_epoch=1)]
    assert len(set(orders)) == 4


@pytest.mark.parametrize("count", [0, 1, 100])
@pytest.mark.parametrize("depth", [1, 16])
def test_prefetch_keeps_order_and_ends(count, depth):
    assert list(prefetch(iter(range(count)), depth)) == list(range(count))


def test_prefetch_raises_the_error_after_what_came_before_it():
    def broken():
        yield 1
        yield 2
        raise KeyError("broken")

    found = prefetch(broken())
    assert [next(found), next(found)] == [1, 2]
    with pytest.raises(KeyError, match="broken"):
        next(found)


def test_prefetch_works_ahead_as_far_as_its_depth():
    made = []
    found = prefetch((made.append(n) or n for n in range(1000)), depth=3)
    next(found)
    deadline = time.monotonic() + 5
    while len(made) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(made) == 5  # one handed out, three waiting, one in hand
    found.close()


def test_prefetch_that_is_closed_ends_its_thread():
    before = set(threading.enumerate())
    found = prefetch(iter(int, 1), depth=1)
    next(found)
    (started,) = [thread for thread in set(threading.enumerate()) - before if thread.name == "prefetch"]
    found.close()
    started.join(timeout=5)
    assert not started.is_alive()

"""The learning rate over a whole run."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnref.training.recipe import Schedule
from cnnref.training.schedules import WarmupDecay


def rates(peak: Any, steps: Any, warmup: Any, decay: Any) -> Any:
    schedule = WarmupDecay(peak, steps, Schedule(warmup, decay))
    return np.asarray(schedule(np.arange(steps)))


@settings(max_examples=40, deadline=None)
@given(
    peak=st.floats(1e-4, 10),
    steps=st.integers(1, 300),
    warmup=st.floats(0, 0.9),
    decay=st.sampled_from(["linear", "cosine", "constant"]),
)
def test_no_rate_is_negative_above_the_peak_or_zero_at_the_first_step(
    peak: Any, steps: Any, warmup: Any, decay: Any
) -> None:
    found = rates(peak, steps, warmup, decay)
    assert (found >= 0).all()
    assert (found <= peak * (1 + 1e-5)).all()
    assert found[0] > 0
    top = found.argmax()
    assert (np.diff(found[: top + 1]) >= -1e-6 * peak).all()
    assert (np.diff(found[top:]) <= 1e-6 * peak).all()


@pytest.mark.parametrize("decay", ["linear", "cosine"])
def test_the_rate_rises_to_the_peak_at_the_end_of_the_warm_up_and_ends_near_zero(decay: Any) -> None:
    found = rates(0.2, 1000, 0.25, decay)
    assert found.max() == pytest.approx(0.2, rel=0.01)
    assert found.argmax() in (249, 250)
    assert found[0] == pytest.approx(0.2 * 0.5 / 250, rel=0.01)
    assert found[125] == pytest.approx(0.1, rel=0.02)
    # Half of the way down both decays are at half of the peak.
    assert found[625] == pytest.approx(0.1, rel=0.01)
    assert 0 < found[-1] < 0.001


def test_a_cosine_leaves_the_peak_more_slowly_than_a_line() -> None:
    line, cosine = (rates(1.0, 1000, 0.0, decay) for decay in ("linear", "cosine"))
    assert (cosine[50:450] > line[50:450]).all()
    assert (cosine[550:950] < line[550:950]).all()


def test_a_constant_schedule_stays_at_the_peak_after_the_warm_up() -> None:
    np.testing.assert_allclose(rates(0.3, 100, 0.1, "constant")[10:], 0.3, rtol=1e-6)
    np.testing.assert_allclose(rates(0.3, 100, 0.0, "constant"), 0.3, rtol=1e-6)


def test_a_schedule_can_be_built_again_from_its_config() -> None:
    schedule = WarmupDecay(0.1, 50, Schedule(0.2, "cosine"))
    again = WarmupDecay.from_config(schedule.get_config())
    np.testing.assert_array_equal(np.asarray(again(np.arange(50))), np.asarray(schedule(np.arange(50))))


def test_steps_divide_the_rate_by_ten_at_each_milestone() -> None:
    schedule = WarmupDecay(0.1, 1000, Schedule(0.0, "steps", milestones=(0.5, 0.75)))
    found = np.asarray(schedule(np.arange(1000)))
    np.testing.assert_allclose(found[[0, 499, 500, 749, 750, 999]], [0.1, 0.1, 0.01, 0.01, 0.001, 0.001], rtol=1e-5)


def test_the_rate_begins_and_ends_at_its_shares_of_the_peak() -> None:
    found = np.asarray(WarmupDecay(2.0, 1000, Schedule(0.25, "linear", start=0.2, end=0.07))(np.arange(1000)))
    assert found[0] == pytest.approx(2 * 0.2, rel=0.01)
    assert found.max() == pytest.approx(2.0, rel=0.01)
    assert found[-1] == pytest.approx(2 * 0.07, rel=0.01)

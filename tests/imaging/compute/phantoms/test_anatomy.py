"""The head: plausible, deterministic, and its own for each patient."""

from __future__ import annotations

import numpy as np
import pytest

from gliomon.common.errors import DomainError
from imaging.compute.phantoms.anatomy import VirtualHead, build_head


def test_shares_are_shares(head: VirtualHead) -> None:
    total = head.fractions.sum(axis=0)
    assert head.fractions.min() >= 0.0
    assert total.max() <= 1.0 + 1e-5
    assert total[head.brain] == pytest.approx(1.0, abs=1e-4)


def test_volumes_are_those_of_a_head(head: VirtualHead) -> None:
    """The MNI152 template is large: about 1.9 L inside its mask; white matter 0.5-0.8 L, grey 0.8-1.2 L."""
    ml = head.spacing_mm**3 / 1000.0
    assert 1600 < head.brain.sum() * ml < 2200
    assert 450 < head.share("white")[head.brain].sum() * ml < 850
    assert 700 < head.share("grey")[head.brain].sum() * ml < 1250
    assert 200 < head.share("bone").sum() * ml < 1200
    assert head.share("fat").sum() * ml > 200


def test_the_brain_is_wrapped_in_skull_and_air(head: VirtualHead) -> None:
    """From the middle of the brain upwards: brain, then bone, then scalp, then air."""
    x, y = (round((0.0 - head.grid.affine[axis, 3]) / head.spacing_mm) for axis in (0, 1))
    x += round(20 / head.spacing_mm)
    column = head.fractions[:, x, y, :]
    top_of_brain = np.flatnonzero(head.brain[x, y])[-1]
    bone = np.flatnonzero(column[3] > 0.3)
    fat = np.flatnonzero(column[4] > 0.3)
    assert top_of_brain < bone[bone > top_of_brain][0] < fat[fat > top_of_brain][-1]
    assert column[:, -1].sum() == pytest.approx(0.0, abs=1e-6)


def test_same_seed_same_head_other_seed_other_head(head: VirtualHead) -> None:
    again = build_head(seed=3, spacing_mm=head.spacing_mm)
    other = build_head(seed=4, spacing_mm=head.spacing_mm)
    assert np.array_equal(again.fractions, head.fractions)
    overlap = 2 * (other.brain & head.brain).sum() / (other.brain.sum() + head.brain.sum())
    assert 0.85 < overlap < 0.995


def test_spacing_out_of_range_is_refused() -> None:
    with pytest.raises(DomainError) as caught:
        build_head(seed=1, spacing_mm=0.5)
    assert caught.value.code == "head_spacing"

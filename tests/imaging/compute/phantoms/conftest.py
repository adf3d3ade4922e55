"""One small head and two scans of it, shared by the tests of this folder."""

from __future__ import annotations

import pytest

from imaging.compute.phantoms.anatomy import VirtualHead, build_head
from imaging.compute.phantoms.profiles import SMALL
from imaging.compute.phantoms.render import RenderedTimepoint, render_timepoint
from imaging.compute.phantoms.tumour import TumourState


@pytest.fixture(scope="session")
def head() -> VirtualHead:
    return build_head(seed=3, spacing_mm=SMALL.head_spacing_mm)


@pytest.fixture(scope="session")
def state() -> TumourState:
    return TumourState(
        centre_mm=(32.0, -20.0, 32.0),
        enhancing_ml=16.0,
        oedema_ml=40.0,
        necrosis_share=0.3,
        cavity_ml=0.0,
        texture_seed=5,
    )


@pytest.fixture(scope="session")
def rendered(head: VirtualHead, state: TumourState) -> RenderedTimepoint:
    return render_timepoint(head, state, profile=SMALL, seed=7)


@pytest.fixture(scope="session")
def noiseless(head: VirtualHead, state: TumourState) -> RenderedTimepoint:
    return render_timepoint(
        head, state, profile=SMALL, seed=7, noise=0.0, bias=0.0, kinds=("dwi", "dsc", "t1ce")
    )

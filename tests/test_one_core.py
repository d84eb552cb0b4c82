"""A process keeps to one core."""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from streamer.wiring.one_core import on_one_core


def _threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_linear_algebra_has_one_thread_until_the_end_of_the_block() -> None:
    assert np.linalg.inv(np.eye(2))[0, 0] == 1.0
    with threadpool_limits(limits=2, user_api="blas"):
        before = _threads()
        with on_one_core():
            assert _threads() == {1}
        assert _threads() == before != {1}

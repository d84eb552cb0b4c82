"""A process computes on one core: its matrices are small, and threads for them cost far more than they bring."""

from __future__ import annotations

from contextlib import AbstractContextManager


def on_one_core() -> AbstractContextManager[object]:
    """Keep linear algebra to one thread from now on, or to the end of a `with`.

    It also makes sums the same on machines with more cores, for they are no longer cut up. To be called after
    everything that computes is imported: only libraries that are loaded are told.
    """
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limits

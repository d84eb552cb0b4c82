"""One row per request: what the encoder will write, as numbers."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Requests: TypeAlias = NDArray[np.void]

REQUEST: Final = np.dtype(
    [
        ("time_ms", "i8"),
        ("account", "i8"),
        ("session", "u8"),
        ("simhash", "u8"),
        ("system", "u8"),
        ("tools", "u8"),
        ("end_user", "u8"),
        ("max_tokens", "i4"),
        ("input", "i4"),
        ("output", "i4"),
        ("cached", "i4"),
        ("reasoning", "i4"),
        ("duration_ms", "i4"),
        ("status", "i2"),
        ("place", "i1"),
        ("model", "i1"),
        ("capability", "i1"),
        ("language", "i1"),
        ("stream", "?"),
    ]
)


def nothing() -> Requests:
    """No requests."""
    return np.empty(0, dtype=REQUEST)


def by_time(requests: Requests) -> Requests:
    """The same requests in time order; those of one millisecond keep their order."""
    return requests[np.argsort(requests["time_ms"], kind="stable")]

"""What tests of deployment borrow from others."""

from __future__ import annotations

from tests.limits.conftest import envoy

__all__ = ["envoy"]

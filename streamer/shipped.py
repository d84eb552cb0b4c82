"""Where the files are that come with the program: inside an installed package, at their own places in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent


def shipped_directory(name: str, in_checkout: str) -> Path:
    """The directory `name` of the package, or the one it is made from."""
    installed = _PACKAGE / "shipped" / name
    return installed if installed.is_dir() else _CHECKOUT / in_checkout

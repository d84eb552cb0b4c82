"""What all tests share."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.kafka_fixture import kafka

__all__ = ["golden", "kafka", "root", "shared_data"]

# These run in the environment of a LiteLLM proxy, not in ours.
collect_ignore_glob = ["integration/litellm/*.py", "limits/litellm_tables.py"]

ROOT = Path(__file__).resolve().parents[1]
LONGEST = (
    "integration/test_one_answer.py",
    "integration/test_litellm.py",
    "demo/test_demo.py",
    "deploy/test_upgrade.py",
    "limits/test_litellm.py",
    "simulation/test_giveaways.py",
    "cli/test_live.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", action="store_true", help="write the expected results anew instead of comparing")


def pytest_configure() -> None:
    # How long an example takes, to draw or to run, is the machine's affair.
    settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("unhurried")
    # A shell that starts tests in the background has them ignore Ctrl-C, and the programs they start would do the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The longest files go first, then all others with slow tests: workers that share the files then end together.
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    order = {ROOT / "tests" / name: at for at, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (order.get(item.path, len(order)), item.path not in slow))


@pytest.fixture(scope="session")
def golden(request: pytest.FixtureRequest) -> bool:
    """Whether expected results are to be written anew."""
    return bool(request.config.getoption("--golden"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real traces that lie beside the repository on the project's machines."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"the real traces are not beside the repository ({path.parent.name}/{path.name} is absent)")
    return path

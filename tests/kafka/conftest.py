"""Clusters of a test's own (tests/e2e/kafka_broker.py)."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))

from kafka_broker import make_kafka  # noqa: E402,F401 a fixture
from skipped_is_told import pytest_sessionfinish  # noqa: E402,F401 a hook

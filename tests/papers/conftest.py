import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))

from kafka_broker import kafka_address  # noqa: E402,F401 a fixture
from skipped_is_told import pytest_sessionfinish  # noqa: E402,F401 a hook


def pytest_addoption(parser):
    parser.addoption("--program", help="the program signalbox")
    parser.addoption("--dice-box", help="the example that embeds it")

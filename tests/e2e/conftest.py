"""Options and the running service of the tests that need one."""
import subprocess

import pytest

from harness import Service, clean_environment
from kafka_broker import fresh_prefix, kafka_address, make_kafka  # noqa: F401 fixtures
from skipped_is_told import pytest_sessionfinish  # noqa: F401 a hook


def pytest_addoption(parser):
    parser.addoption("--program", help="the program signalbox")
    parser.addoption("--rounds", type=int, default=4, help="how often the service is killed")
    parser.addoption("--client", help="which of stock_client.CLIENTS")
    parser.addoption("--client-build", help="where what it needs is made")


@pytest.fixture
def make_log(request):
    """make_log(address, partitions) -> (address, prefix) of a fresh log; on one that is shared, no
    test may harm the broker. `prefix`: the test's own, of which some topics may be there already."""

    def make(address, partitions=1, prefix=None):
        made = address, prefix or fresh_prefix()
        done = subprocess.run(
            [request.config.getoption("--program"), "topics", "create", "--kafka", made[0],
             "--topic-prefix", made[1], "--partitions", str(partitions)], capture_output=True, text=True,
            timeout=60, env=clean_environment(), check=False)
        # A topic that was there with settings of the test's own is told of.
        assert done.returncode in ((0, 3) if prefix else (0,)), done.stdout + done.stderr
        return made

    return make


@pytest.fixture
def make_service(request, tmp_path):
    """Makes services that are not started yet; what still runs at the end is killed."""
    made = []

    def make(data="data", **settings):
        service = Service(request.config.getoption("--program"), tmp_path / data, **settings)
        made.append(service)
        return service

    yield make
    for service in made:
        if service.is_running():
            service.kill()


@pytest.fixture
def service(make_service):
    return make_service().start()

"""Options and the running service of the tests that need one."""
import pytest

from harness import Service
from kafka_broker import kafka_address, make_kafka  # noqa: F401 fixtures
from skipped_is_told import pytest_sessionfinish  # noqa: F401 a hook


def pytest_addoption(parser):
    parser.addoption("--program", help="the program signalbox")
    parser.addoption("--rounds", type=int, default=4, help="how often the service is killed")
    parser.addoption("--client", help="which of stock_client.CLIENTS")
    parser.addoption("--client-build", help="where what it needs is made")


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

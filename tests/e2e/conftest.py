"""Options and the running service of the tests that need one."""
import pytest

from harness import Service
from kafka_broker import Kafka, shared_address


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


@pytest.fixture
def kafka_address():
    """Where the shared broker is; the test is skipped where there is none."""
    return shared_address()


@pytest.fixture
def make_kafka(tmp_path):
    """Makes clusters of the test's own, not started yet; they are down at its end."""
    made = []

    def make(name="kafka", **options):
        made.append(Kafka(tmp_path / name, **options))
        return made[-1]

    yield make
    for kafka in made:
        kafka.stop()

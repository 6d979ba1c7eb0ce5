"""Where there is no Kafka its tests are skipped and it is said, and with CI=true they fail."""
import os
import subprocess
import sys

import pytest

from kafka_broker import ROOT, skip_without_kafka
from skipped_is_told import SKIPPED

PASSED = '<testcase name="chain_test.Chain.Starts" status="run"><system-out>ok</system-out></testcase>'
FAILED = ('<testcase name="e2e.roles" status="fail"><failure message="Failed"/>'
          '<system-out>assert 1 == 2</system-out></testcase>')
DISABLED = '<testcase name="e2e.off" status="disabled"><skipped message="Disabled"/></testcase>'


def skipped(name, said):
    return (f'<testcase name="{name}" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/>'
            f"<system-out>{said}</system-out></testcase>")


NO_BROKER = skipped("kafka.broker_up", "kafka does not run\nSKIPPED: there is no Java\n")
NO_CLIENT = skipped("e2e.stock_client.browser", "s\nSKIPPED [1] test_stock_clients.py:9: no browser\n")


def count(tmp_path, *reports, options=()):
    """(exit code, lines) of ops/count_tests.py over JUnit files of these test cases."""
    files = []
    for number, cases in enumerate(reports):
        files.append(tmp_path / f"{number}.xml")
        files[-1].write_text(f'<testsuite name="all">{"".join(cases)}</testsuite>', "utf-8")
    done = subprocess.run([sys.executable, "-B", str(ROOT / "ops/count_tests.py"), *options,
                           *map(str, files)], text=True, capture_output=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_a_skipped_broker_is_told_by_name_and_in_the_last_lines(tmp_path):
    code, lines = count(tmp_path, [PASSED, NO_CLIENT], [PASSED, NO_BROKER])
    assert code == 0
    assert lines == ["skipped: e2e.stock_client.browser: [1] test_stock_clients.py:9: no browser",
                     "skipped: kafka.broker_up: there is no Java",
                     "Kafka tests were skipped: there is no Java",
                     "2 passed, 0 failed, 2 skipped"]


def test_nothing_is_said_of_kafka_where_it_was_there(tmp_path):
    code, lines = count(tmp_path, [PASSED, NO_CLIENT])
    assert code == 0
    assert lines[1:] == ["1 passed, 0 failed, 1 skipped"]


def test_what_was_left_out_is_told_and_counted(tmp_path):
    names = tmp_path / "left_out.txt"
    names.write_text("e2e.benches\nsimulation.seeds\n", "utf-8")
    code, lines = count(tmp_path, [PASSED], options=["--left-out", str(names)])
    assert code == 0
    assert lines == ["skipped: e2e.benches: left out by --quick", "skipped: simulation.seeds: left out by --quick",
                     "1 passed, 0 failed, 2 skipped"]


def test_a_failure_is_shown_and_what_did_not_run_is_one(tmp_path):
    code, lines = count(tmp_path, [PASSED, FAILED, DISABLED])
    assert code == 1
    assert lines == ["failed: e2e.roles:", "    assert 1 == 2",
                     "failed: e2e.off:", "    it printed nothing",
                     "1 passed, 2 failed, 0 skipped"]


def test_a_report_that_is_not_there_is_a_failure(tmp_path):
    done = subprocess.run([sys.executable, "-B", str(ROOT / "ops/count_tests.py"), str(tmp_path / "none.xml")],
                          text=True, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"


def test_without_a_kafka_a_test_is_skipped_and_in_ci_it_fails(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="^no broker$"):
        skip_without_kafka("no broker")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="with CI=true there must be a Kafka: no broker"):
        skip_without_kafka("no broker")


@pytest.mark.parametrize("ci, code", [("", SKIPPED), ("true", 1)])
def test_a_file_of_skipped_tests_tells_ctest_so_and_in_ci_it_fails(tmp_path, ci, code):
    (tmp_path / "conftest.py").write_text(
        "from kafka_broker import kafka_address\nfrom skipped_is_told import pytest_sessionfinish\n", "utf-8")
    (tmp_path / "test_it.py").write_text("def test_it(kafka_address):\n    pass\n", "utf-8")
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("SIGNALBOX_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", str(tmp_path)], text=True,
        capture_output=True, timeout=60, check=False, cwd=tmp_path,
        env=environment | {"CI": ci, "PYTHONPATH": str(ROOT / "tests/e2e")})
    assert done.returncode == code, done.stdout + done.stderr
    assert "there is no broker" in done.stdout

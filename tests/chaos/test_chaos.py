"""ops/chaos: its exit codes, what it keeps, and that it ends what it has started."""
import importlib.machinery
import importlib.util
import json
import pathlib
import sys

import pytest

PATH = pathlib.Path(__file__).resolve().parents[2] / "ops" / "chaos"
LOADER = importlib.machinery.SourceFileLoader("chaos", str(PATH))
chaos = importlib.util.module_from_spec(importlib.util.spec_from_loader("chaos", LOADER))
LOADER.exec_module(chaos)


class Service:
    def __init__(self, *_):
        self.is_destroyed = False

    def start(self):
        pass

    def destroy(self):
        self.is_destroyed = True


class Run:
    """Of ops/chaos on a service that is not there; `found` is what is judged."""

    def __init__(self, monkeypatch, folder):
        self.monkeypatch, self.folder, self.data, self.service = monkeypatch, folder, folder / "data", Service()
        self.found = []
        self.data.mkdir()
        for place, name, stand_in in (
                (chaos.deployment, "what_is_lacking", lambda _: ""), (chaos.deployment, "Embedded", self.made),
                (chaos.attack, "attack", lambda *_: None), (chaos.judgement, "judge", self.judge),
                (chaos.tempfile, "mkdtemp", lambda **_: str(self.data)), (chaos.signal, "signal", lambda *_: None)):
            monkeypatch.setattr(place, name, stand_in)

    def made(self, *_):
        return self.service

    def judge(self, _, __, ___, ____, report):
        report["violations"] = len(self.found)
        return self.found

    def code(self, *options):
        self.monkeypatch.setattr(sys, "argv", ["chaos", "--backend", "sqlite", "--seed", "3", *options])
        return chaos.main()


@pytest.fixture(name="run")
def a_run(monkeypatch, tmp_path):
    return Run(monkeypatch, tmp_path)


def test_without_a_violation_it_is_over(run):
    assert run.code() == 0
    assert run.service.is_destroyed and not run.data.exists()


def test_what_is_wrong_is_told_and_kept(run, capsys):
    run.found = ["I1 lost", "I5 twice"]
    report = run.folder / "report.json"
    assert run.code("--report", str(report)) == 1
    assert run.service.is_destroyed and run.data.exists()
    assert "violation: I1 lost\nviolation: I5 twice\n" in capsys.readouterr().out
    told = json.loads(report.read_text("utf-8"))
    assert told["violations"] == 2 and told["first violations"] == run.found


def test_what_could_not_be_judged_is_kept(run, monkeypatch):
    def fail(*_):
        raise OSError("the log cannot be read")
    monkeypatch.setattr(chaos.judgement, "judge", fail)
    with pytest.raises(OSError, match="the log cannot be read"):
        run.code()
    assert run.service.is_destroyed and run.data.exists()


def test_without_a_kafka_it_is_skipped_before_anything_began(run, monkeypatch):
    def skip():
        pytest.skip("there is none")
    run.service.start = skip
    assert run.code() == chaos.SKIPPED
    assert run.service.is_destroyed and not run.data.exists()
    run.service.start = lambda: None
    run.data.mkdir()
    monkeypatch.setattr(chaos.attack, "attack", lambda *_: pytest.skip("later"))
    with pytest.raises(pytest.skip.Exception):  # no reason to pass for one that is skipped
        run.code()


def test_what_a_machine_lacks_is_named(run, monkeypatch, capsys):
    monkeypatch.setattr(chaos.deployment, "what_is_lacking", lambda _: "a clock that jumps")
    assert run.code() == 1
    assert "a clock that jumps" in capsys.readouterr().out

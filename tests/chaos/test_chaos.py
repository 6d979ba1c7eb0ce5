"""The harness of the attacks itself (ops/chaos): what it takes for too little, and that it ends."""
import argparse
import importlib.machinery
import importlib.util
import pathlib
import threading

import pytest

PATH = pathlib.Path(__file__).resolve().parents[2] / "ops" / "chaos"
LOADER = importlib.machinery.SourceFileLoader("chaos", str(PATH))
chaos = importlib.util.module_from_spec(importlib.util.spec_from_loader("chaos", LOADER))
LOADER.exec_module(chaos)

ENOUGH = {"faults": {"kill": 1, "stop": 0}, "operations": 400, "ok": 300}


def too_little(minutes=0.3, **report):
    return chaos.too_little(argparse.Namespace(minutes=minutes), ENOUGH | report)


def test_a_short_run_must_have_done_something():
    assert too_little() == []
    assert too_little(faults={"kill": 0, "stop": 0}) == ["tried too little: no fault"]
    assert too_little(ok=0) == ["tried too little: 0 operations answered with ok"]
    assert chaos.too_little(argparse.Namespace(minutes=0.3), {"faults": {"kill": 1}}) != []


def test_a_full_run_must_have_tried_each_fault_often():
    often = {"kill": 5, "stop": 5}
    lost = {"bytes that power cuts took back": 512}
    assert too_little(minutes=10, faults=often, ok=10_000, **lost) == []
    assert too_little(minutes=10, faults=often, ok=9_999, operations=20_000, **lost) != []
    assert len(too_little(minutes=10, faults={"kill": 4, "stop": 0}, ok=10_000, **lost)) == 2
    nothing = {"bytes that power cuts took back": 0}
    assert too_little(minutes=10, faults=often, ok=10_000, **nothing) != []


class EndedPart:
    """It ended by itself, and comes back only when it is no longer asked to."""
    name, busy, pid, disk = "serve", False, 0, None

    def __init__(self, over):
        self.over = over
        self.asked = threading.Event()
        self.service = argparse.Namespace(log_tail=lambda: "")
        self.was_told = None

    def ended(self):
        return 1

    def start(self):
        self.asked.set()
        self.was_told = self.over.wait(30)


class Deployment:
    def __init__(self):
        self.over = threading.Event()
        self.parts = {"serve": EndedPart(self.over)}

    def start(self):
        pass

    def client_urls(self):
        return ""


@pytest.mark.parametrize("failure", [OSError, SystemExit])
def test_nothing_is_started_again_once_the_attack_is_left(tmp_path, monkeypatch, failure):
    """Whatever it is left by, and from the moment it is."""
    service = Deployment()
    part = service.parts["serve"]

    def fail(*_):
        assert part.asked.wait(30)
        raise failure("no client")

    monkeypatch.setattr(chaos, "start_chat", fail)
    with pytest.raises(failure):
        chaos.attack(argparse.Namespace(backend="sqlite", seed=1, minutes=1), tmp_path, service, {})
    assert service.over.is_set() and part.was_told
    assert "watch" not in [thread.name for thread in threading.enumerate()]

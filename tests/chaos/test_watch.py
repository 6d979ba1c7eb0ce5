"""Whoever ends though nobody ended him is started again, and named unless he asked to be tried again."""
import argparse
import os
import threading

import pytest
import watch

WAIT_SECONDS = 60


class Part:
    """Ends with these codes, one after the other, each time it runs; then it goes on."""
    disk, pid = None, 0

    def __init__(self, name, codes, over, failure=None):
        self.name, self.codes, self.over, self.failure = name, list(codes), over, failure
        self.busy = False
        self.starts = 0
        self.service = argparse.Namespace(log_tail=lambda: "its last words")

    def ended(self):
        if not self.codes:
            self.over.set()
            return None
        return self.codes[0]

    def start(self):
        assert self.busy  # no fault meets it meanwhile
        self.starts += 1
        self.codes.pop(0)
        if self.failure:
            raise self.failure


def watched(*codes, name="router-1", failure=None, busy=False):
    """A part that ended so, and who watched it."""
    over = threading.Event()
    part = Part(name, codes, over, failure)
    part.busy = busy
    looks = watch.Watch(argparse.Namespace(parts={name: part}, over=over))
    with looks:
        is_met = over.wait(0.2 if busy or name.startswith("guest") else WAIT_SECONDS)
        assert is_met or busy or name.startswith("guest")
    return part, looks


@pytest.fixture(autouse=True)
def look_often(monkeypatch):
    monkeypatch.setattr(watch, "SAMPLE_SECONDS", 0.01)


def test_who_asks_to_be_tried_again_is():
    part, looks = watched(75, 75)
    assert part.starts == 2 and not part.busy
    assert looks.ended == [("router-1", 75)] * 2 and looks.crashes == []


@pytest.mark.parametrize("code", [0, 1, -6, -9, 3])
def test_who_ends_in_any_other_way_is_named(code):
    part, looks = watched(code)
    assert part.starts == 1 and looks.ended == [("router-1", code)]
    assert looks.crashes == [f"I20 router-1 ended with {code}:\nits last words"]


@pytest.mark.parametrize("failure", [AssertionError("exit code 2"), OSError("no place")])
def test_who_does_not_come_back_is_named_and_the_watch_goes_on(failure):
    part, looks = watched(75, 75, failure=failure)
    assert part.starts == 2 and len(looks.crashes) == 2 and not part.busy
    assert looks.crashes[0].startswith("I6 router-1 did not come back: ") and str(failure) in looks.crashes[0]


def test_whom_a_fault_has_is_left_alone():
    part, looks = watched(-9, busy=True)
    assert part.starts == 0 and looks.ended == looks.crashes == []


def test_a_guest_is_his_own_fault():
    part, looks = watched(0, name="guest-1")
    assert part.starts == 0 and looks.ended == looks.crashes == []


def test_what_a_process_holds_is_measured():
    part = argparse.Namespace(pid=os.getpid())
    assert watch.measure(part)["rss"] > 1 << 20 and watch.measure(part)["files"] > 2
    assert watch.measure(argparse.Namespace(pid=0)) is None
    held = watch.look_at_open(part)
    assert sum(held["files"].values()) > 2 and sum(held["threads"].values()) >= 1
    assert watch.look_at_all(argparse.Namespace(parts={"a": part, "b": argparse.Namespace(pid=0)})) \
        .keys() == {"a"}

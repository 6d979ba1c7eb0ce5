"""A fault has what it harms to itself, and gives all of it back, whatever comes of it."""
import argparse
import io
import json
import random
import time

import nemesis
import pytest


class Part:
    def __init__(self, name, role="store", runs=True):
        self.name, self.role, self.busy = name, role, False
        self.link = argparse.Namespace(name=f"link to {name}", busy=False)
        self.clock = argparse.Namespace(name=f"{name}.clock", busy=False)
        self.service = argparse.Namespace(is_running=lambda: runs)


class Deployment:
    def __init__(self, *parts):
        self.parts = parts

    def of_role(self, role):
        return [part for part in self.parts if part.role == role]


def busy(part):
    return part.busy, part.link.busy, part.clock.busy


# ---- what is chosen

def test_a_part_is_chosen_with_what_is_named_of_it():
    part = Part("one")
    for choose, held in ((nemesis.one_of("store"), [part]), (nemesis.one_with_its_link("store"), [part, part.link]),
                         (nemesis.a_link_to("store"), [part.link]), (nemesis.a_clock_of("store"), [part.clock])):
        assert choose(Deployment(part), random.Random(1)) == held
        assert choose(Deployment(), random.Random(1)) is None
        for each in held:
            each.busy = True
            assert choose(Deployment(part), random.Random(1)) is None
            each.busy = False


@pytest.mark.parametrize("choose", [nemesis.one_of("store"), nemesis.one_with_its_link("store")])
def test_guests_and_those_who_do_not_run_are_not_chosen(choose):
    assert choose(Deployment(Part("guest-1"), Part("one", runs=False), Part("gate", role="gateway")),
                  random.Random(1)) is None


def test_of_those_without_a_link_none_is_chosen_for_it():
    part = Part("one")
    part.link = None
    for choose in (nemesis.one_with_its_link("store"), nemesis.a_link_to("store")):
        assert choose(Deployment(part), random.Random(1)) is None
    assert nemesis.one_of("store")(Deployment(part), random.Random(1)) == [part]


def test_one_broker_at_a_time_is_harmed():
    deployment = argparse.Namespace(kafka=argparse.Namespace(nodes=(1, 2, 3)))
    (chosen,) = nemesis.a_broker(deployment, random.Random(1))
    chosen.busy = True
    assert nemesis.a_broker(deployment, random.Random(1)) is None


# ---- what is held

@pytest.mark.parametrize("failure", [None, AssertionError("no"), OSError("no"), pytest.skip.Exception("no")])
def test_all_that_was_held_is_given_back(failure):
    part = Part("one")
    seen = []

    def harm(_, held, seconds):
        seen.append((held, seconds, busy(part)))
        if failure:
            raise failure
    its = nemesis.Nemesis(Deployment(part), 7, io.StringIO(),
                          {"fault": (nemesis.one_with_its_link("store"), (1, 1), harm)})
    its._strike()
    its.rest()
    assert seen == [(part, 1.0, (True, True, False))] and busy(part) == (False, False, False)
    assert its.counts == {"fault": 1}
    assert its.failures == ([f"one after fault: {failure!r}"] if failure else [])
    told = [json.loads(line)["what"] for line in its.journal.getvalue().splitlines()]
    assert told == ["fault", "fault failed" if failure else "fault over"]


def test_a_fault_that_finds_nobody_idle_is_not_counted_and_comes_again():
    part = Part("one")
    part.busy = True
    struck = []
    kinds = {"hard": (nemesis.one_of("store"), (0, 0), lambda *_: struck.append("hard")),
             "easy": (nemesis.a_clock_of("store"), (0, 0), lambda *_: struck.append("easy"))}
    its = nemesis.Nemesis(Deployment(part), 7, io.StringIO(), kinds)
    for _ in range(4):
        its._strike()
        its.rest()
    assert its.counts == {"hard": 0, "easy": len(struck)} and set(struck) == {"easy"}
    part.busy = False
    for _ in range(4):
        its._strike()
        its.rest()
    assert its.counts["hard"] == struck.count("hard") > 0


def test_it_harms_until_then_and_heals(monkeypatch):
    monkeypatch.setattr(nemesis, "PAUSE", (0.0, 0.01))
    part = Part("one")
    its = nemesis.Nemesis(Deployment(part), 7, io.StringIO(), {
        "fault": (nemesis.a_clock_of("store"), (0, 0), lambda *_: time.sleep(0.01))})
    healed_at = its.run(time.monotonic() + 60, lambda: its.counts["fault"] < 3)
    assert healed_at <= time.monotonic() and its.counts["fault"] > 1 and busy(part) == (False, False, False)
    assert json.loads(its.journal.getvalue().splitlines()[-1])["what"] == "healed"
    before = its.counts["fault"]
    its.run(time.monotonic() + 60, lambda: False)  # its users have left
    assert its.counts["fault"] == before

"""What ops/chaos itself takes for wrong, each rule with what it must let pass and what it must not."""
import argparse
import collections
import json
import sys

import check_run
import checkers
import deployment
import judgement
import pytest
from log_reader import Record

import small_run
from small_run import ANN, BEN, SmallRun


def a_program(folder, text, code):
    """One that says this of whatever it is asked."""
    program = folder / "program"
    said = text.encode("utf-8", "surrogateescape") + b"\n"
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.stdout.buffer.write({said!r})\nsys.exit({code})\n",
                       "utf-8")
    program.chmod(0o755)
    return program


COMPARED = '{"states of users": 3, "states that differ": 0}'


def test_states_that_are_the_fold_of_the_log_are_counted(tmp_path):
    compared, wrong = judgement.check_states(a_program(tmp_path, COMPARED, 0), "log.jsonl", [])
    assert compared == {"states of users": 3, "states that differ": 0} and wrong == []


@pytest.mark.parametrize("text, found", [
    (f"difference: a.db, user ann: x\n{COMPARED}", ["I15 difference: a.db, user ann: x"]),
    (f"too little to judge: none\n{COMPARED}", ["I15 too little to judge: none"]),
    (f"a text that was cut: \udcc3\n{COMPARED}", ["I15 a text that was cut: \ufffd"]),
    ("line 3 of the dump: no record", ["I15 line 3 of the dump: no record"])])
def test_states_that_are_not_are_named(tmp_path, text, found):
    assert judgement.check_states(a_program(tmp_path, text, 1), "log.jsonl", [])[1] == found


def test_a_check_of_states_that_cannot_be_made_is_no_verdict(tmp_path):
    _, wrong = judgement.check_states(a_program(tmp_path, COMPARED, 1), "log.jsonl", [])
    assert len(wrong) == 1 and wrong[0].startswith("I15 ") and "ended with 1" in wrong[0]


# ---- a service must do its work

SHORT = argparse.Namespace(minutes=1, hurry=False)


class RefusingRun(SmallRun):
    """Every message is acknowledged, and then rejected: no promise is broken."""
    code = ""

    def _play(self):
        self.control("log_genesis", log_id=small_run.LOG, partitions=small_run.PARTITIONS,
                     partitioner="murmur2-java")
        self.claim(0)
        for user in (ANN, BEN):
            self.event(user, "message_rejected", self.command(user, 1), 1, message_id="m1", code=self.code,
                       message="no")
            self.connect(user, 1)
            self.invoke(user, 1)
            self.acked(user, 1)
            self.show(user)
            self.read_again(user)


@pytest.mark.parametrize("code, wrong", [("poison", 1), ("queue_full", 2), ("history_damaged", 2)])
def test_a_service_that_rejects_everything_does_not_pass(tmp_path, code, wrong):
    verdict = check_run.check(*type("Run", (RefusingRun,), {"code": code})().write(tmp_path))
    assert verdict.violations == [] and verdict.outcomes.ends() == {f"message_rejected {code}": 2}
    found = judgement.check_service(SHORT, verdict.counts, verdict.outcomes)
    assert len(found) == wrong and all(each.startswith("I5 ") and code in each for each in found)


def test_what_became_of_acknowledged_messages_is_what_the_log_says(tmp_path):
    run = SmallRun()
    run.line(ANN, "fail", op="user_message", message_id="m3", code="overloaded")
    last = run.events[-1]
    last["headers"]["ce_type"], last["data"] = "dev.signalbox.agent_failed", {"code": "deadline", "message": "late"}
    verdict = check_run.check(*run.write(tmp_path))
    assert verdict.outcomes.ends() == {"agent_completed": 3, "agent_failed deadline": 1}
    assert verdict.outcomes.refused == {"overloaded": 1}


class Ended(checkers.Outcomes):
    """So many each, in all of them acknowledged."""

    def __init__(self, refused=None, **ends):
        super().__init__(None)
        self.counted = collections.Counter({name.replace("__", " "): count for name, count in ends.items()})
        self.refused = collections.Counter(refused or {})

    def ends(self):
        return self.counted


def found_wrong(outcomes, ok=100, minutes=1, hurry=False):
    return judgement.check_service(argparse.Namespace(minutes=minutes, hurry=hurry),
                                   {"ok": ok, "operations": 100, "unknown": 3}, outcomes)


def test_a_few_messages_may_be_given_up():
    assert found_wrong(Ended(agent_completed=99, message_rejected__poison=1)) == []
    assert found_wrong(Ended(agent_completed=990, agent_failed__attempts_exhausted=10)) == []
    assert len(found_wrong(Ended(agent_completed=989, agent_failed__attempts_exhausted=11))) == 1


@pytest.mark.parametrize("end", ["nothing", "agent_cancelled", "agent_failed__agent_diverged",
                                 "message_rejected__malformed"])
def test_no_message_may_end_as_no_fault_leads_to(end):
    found = found_wrong(Ended(agent_completed=9999, **{end: 1}))
    assert found == [f"I5 1 acknowledged messages ended in {end.replace('__', ' ')}, to which no fault leads"]


def test_users_are_refused_only_as_faults_make_it():
    completed = {"agent_completed": 100}
    assert found_wrong(Ended({"overloaded": 9, "log_unavailable": 9}, **completed)) == []
    assert len(found_wrong(Ended({"rate_limited": 1}, **completed))) == 1
    assert found_wrong(Ended({"rate_limited": 1}, **completed), hurry=True) == []
    assert len(found_wrong(Ended({"forbidden": 1}, **completed), hurry=True)) == 1


@pytest.mark.parametrize("minutes, least", [(10, 50), (9.9, 25)])
def test_most_of_what_users_ask_must_be_done(minutes, least):
    """Less of it in a short run, of which faults take a larger part."""
    completed = Ended({"log_unavailable": 40}, agent_completed=60)
    assert found_wrong(completed, ok=least, minutes=minutes) == []
    found = found_wrong(completed, ok=least - 1, minutes=minutes)
    assert len(found) == 1 and "{'log_unavailable': 40}" in found[0]


# ---- too little was tried

ENOUGH = {"faults": {"kill": 1, "stop": 0}, "ok": 300}
FULL = {"faults": {"kill": 5, "stop": 5}, "ok": 10_000, "bytes that power cuts took back": 512,
        "open runs in them": 1}


def test_a_short_run_must_have_done_something():
    assert judgement.too_little(0.3, ENOUGH) == []
    assert judgement.too_little(0.3, ENOUGH | {"faults": {"kill": 0}}) == ["tried too little: no fault"]
    assert judgement.too_little(0.3, ENOUGH | {"ok": 49}) == ["tried too little: 49 operations answered with ok"]
    assert judgement.too_little(0.3, {"faults": {"kill": 1}}) != []


@pytest.mark.parametrize("change", [{"ok": 9999}, {"faults": {"kill": 5, "stop": 4}}, {"open runs in them": 0},
                                    {"bytes that power cuts took back": 0}], ids=str)
def test_a_full_run_must_have_tried_everything_often(change):
    assert judgement.too_little(10, FULL) == []
    assert len(judgement.too_little(10, FULL | change)) == 1
    assert judgement.too_little(9.9, FULL | change) == []


# ---- what others say of themselves

def test_whoever_leaves_in_another_way_than_told_is_named():
    assert judgement.check_ends({"router-1": 0, "gateway-1": 0}) == []
    assert judgement.check_ends({"router-1": 0, "router-2": 75, "gateway-1": 1, "store-1": None}) == [
        f"I6 {name} ended with {code} on SIGTERM"
        for name, code in (("router-2", 75), ("gateway-1", 1), ("store-1", None))]


@pytest.mark.parametrize("code", [1, 2, 3])
def test_a_replay_that_finds_a_fault_is_named(tmp_path, code):
    places = [["--data", "a"], ["--data", "b"]]
    assert judgement.check_replay(a_program(tmp_path, "whole", 0), places, tmp_path) == []
    assert judgement.check_replay(a_program(tmp_path, "a break", code), places, tmp_path) == [
        "I14 replay verify --data a: a break\n", "I14 replay verify --data b: a break\n"]


def test_all_that_is_poisoned_is_in_quarantine_once():
    def listed(*places):
        return "".join(json.dumps({"partition": p, "offset": o, "why": "x"}) + "\n" for p, o in places)
    both = listed((1, 7), (2, 7))
    assert deployment.wrong_in_quarantine(both, 2) == deployment.wrong_in_quarantine("", 0) == []
    for text, poisoned in ((both, 3), (both, 1), (both + listed((1, 7)), 3), (both + listed((1, 7)), 2), ("", 1)):
        found = deployment.wrong_in_quarantine(text, poisoned)
        assert len(found) == 1 and found[0].startswith(f"I13 {poisoned} poisoned records")


# ---- all of it

class Source:
    """The log of a small run."""

    def __init__(self, run):
        self.run = run

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        pass

    def records(self, topic, partition):
        if partition != small_run.PARTITION:
            return iter([Record(0, None, self.run.events[0]["headers"],
                                json.dumps(self.run.events[0]["data"]).encode())] if topic == "events" else [])
        kept = self.run.events if topic == "events" else self.run.inbound
        return iter([Record(at, each["key"], each["headers"], json.dumps(each["data"]).encode())
                     for at, each in enumerate(kept)])


class EndedService:
    """A service that was attacked; tests change what it says of itself."""
    parts = {}

    def __init__(self, folder):
        self.run, self.folder = SmallRun(), folder
        self.codes, self.wrong = {"serve": 0}, []
        self.log = folder / "serve.log"
        self.log.write_text("started\n", "utf-8")
        (folder / "build" / "tests" / "chaos").mkdir(parents=True)
        self.program = a_program(folder / "build", "whole", 0)
        a_program(folder / "build" / "tests" / "chaos", COMPARED, 0).rename(
            deployment.built_beside(self.program, deployment.STATE_CHECK))
        self.attacked = []  # wrong already
        self.leaks = checkers.NothingLeaks(None)
        self.report = {"faults": {"kill": 1}}

    def source(self):
        return Source(self.run)

    def refusals(self):
        return []

    def end(self):
        return self.codes

    def places(self):
        return [["--data", "serve"]]

    def snapshots(self):
        return []

    def check(self):
        return self.wrong

    def logs(self):
        return [self.log]

    def judged(self):
        self.run.write(self.folder)
        arguments = argparse.Namespace(program=self.program, minutes=0.1, hurry=False, liveness_seconds=0.01)
        return judgement.judge(arguments, self.folder, self, (self.attacked, None, self.leaks), self.report)


@pytest.fixture(name="texts", scope="module")
def what_users_write():
    return judgement.secret_texts()


@pytest.fixture(name="ended")
def a_service_that_ended(tmp_path, monkeypatch, texts):
    monkeypatch.setattr(judgement, "OPERATIONS_MIN_OF_SHORT_RUNS", 5)
    monkeypatch.setattr(judgement, "secret_texts", lambda: texts)
    monkeypatch.setattr(judgement.time, "sleep", lambda _: None)
    return EndedService(tmp_path)


def test_a_good_run_is_told_and_nothing_is_wrong(ended):
    assert ended.judged() == []
    assert ended.report["violations"] == 0 and ended.report["ok"] == 6
    assert ended.report["states of users"] == 3 and ended.report["refused"] == {}
    assert ended.report["acknowledged messages ended in"] == {"agent_completed": 4}


def break_states(service):
    a_program(service.folder, "difference: x", 1).rename(
        deployment.built_beside(service.program, deployment.STATE_CHECK))


def break_service(service):
    service.run.line(ANN, "fail", op="stream", code="forbidden")


BROKEN = {
    "I6 the attack": lambda service: service.attacked.append("I6 the attack"),
    "I17 not there": lambda service: service.leaks.before.update(serve={}),
    "I6 serve ended with 1": lambda service: service.codes.update(serve=1),
    "I15 difference: x": break_states,
    "I14 replay verify --data serve": lambda service: a_program(service.program.parent, "broken", 3),
    "I13 the deployment": lambda service: service.wrong.append("I13 the deployment"),
    "I23 1 times a user was refused": break_service,
    "I22 a token": lambda service: service.log.write_text("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ", "utf-8"),
    "I22 what a user wrote": lambda service: service.log.write_text(judgement.secret_texts()[7], "utf-8"),
    "I14 ": lambda service: service.run.events[-1]["data"].update(content="changed"),
    "I10 ": lambda service: service.run.history.remove(
        next(line for line in service.run.history if line.get("seq") == 2)),
    "tried too little": lambda service: service.report["faults"].update(kill=0),
}


@pytest.mark.parametrize("named", BROKEN)
def test_whatever_is_wrong_is_among_what_is_found(ended, named):
    BROKEN[named](ended)
    found = ended.judged()
    assert any(each.startswith(named) for each in found), found
    assert ended.report["violations"] >= len(found) > 0


def test_what_is_open_is_waited_for(ended, monkeypatch):
    """And once it has ended, it is no violation; the log is looked at once more after everything has ended."""
    last = ended.run.events.pop()
    looks = []

    def look(*arguments):
        looks.append(arguments)
        if len(looks) == 2:
            ended.run.events.append(last)
        return Source(ended.run)
    monkeypatch.setattr(ended, "source", look)
    monkeypatch.setattr(judgement.time, "monotonic", lambda: 0.0)
    assert ended.judged() == [] and len(looks) == 3

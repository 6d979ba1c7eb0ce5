"""What ops/chaos itself takes for wrong, each rule with what it must let pass and what it must not."""
import collections
import sys

import check_run
import checkers
import judgement
import pytest

import small_run
from small_run import ANN, BEN, SmallRun


def a_program(folder, text, code):
    """One that says this of whatever it is asked."""
    program = folder / "program"
    program.write_text(f"#!{sys.executable}\nimport sys\nprint({text!r})\nsys.exit({code})\n", "utf-8")
    program.chmod(0o755)
    return program


COMPARED = '{"states of users": 3, "states that differ": 0}'


def test_states_that_are_the_fold_of_the_log_are_counted(tmp_path):
    compared, wrong = judgement.check_states(a_program(tmp_path, COMPARED, 0), "log.jsonl", [])
    assert compared == {"states of users": 3, "states that differ": 0} and wrong == []


@pytest.mark.parametrize("text, found", [
    (f"difference: a.db, user ann: x\n{COMPARED}", ["I15 difference: a.db, user ann: x"]),
    (f"too little to judge: none\n{COMPARED}", ["I15 too little to judge: none"]),
    ("line 3 of the dump: no record", ["I15 line 3 of the dump: no record"])])
def test_states_that_are_not_are_named(tmp_path, text, found):
    assert judgement.check_states(a_program(tmp_path, text, 1), "log.jsonl", [])[1] == found


def test_a_check_of_states_that_cannot_be_made_is_no_verdict(tmp_path):
    _, wrong = judgement.check_states(a_program(tmp_path, COMPARED, 1), "log.jsonl", [])
    assert len(wrong) == 1 and wrong[0].startswith("I15 ") and "ended with 1" in wrong[0]


# ---- a service must do its work

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
    found = judgement.check_service(verdict.counts, verdict.outcomes, hurry=False)
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


def found_wrong(outcomes, ok=100, operations=100, hurry=False):
    return judgement.check_service({"ok": ok, "operations": operations, "unknown": 3}, outcomes, hurry)


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


def test_most_of_what_users_ask_must_be_done():
    completed = Ended({"log_unavailable": 40}, agent_completed=60)
    assert found_wrong(completed, ok=60) == []
    found = found_wrong(completed, ok=59)
    assert len(found) == 1 and "{'log_unavailable': 40}" in found[0]

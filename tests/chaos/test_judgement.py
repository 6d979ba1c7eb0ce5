"""What ops/chaos itself takes for wrong, each rule with what it must let pass and what it must not."""
import sys

import judgement
import pytest


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

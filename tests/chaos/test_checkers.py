"""A correct run has no violation; broken once in each of these ways, the checker it is for names it."""
import copy
import sys
from collections import Counter

import check_run
import checkers
import contract
import log_index
import pytest

import small_run
from small_run import ANN, BEN, SECOND, SmallRun, cursor, socket_of


def judge(run, tmp_path, **options):
    return check_run.check(*run.write(tmp_path), **options)


def invariants(verdict):
    return {violation.split()[0] for violation in verdict.violations}


def test_a_correct_run_has_no_violation(tmp_path):
    verdict = judge(SmallRun(), tmp_path, healed_at=0, limit_seconds=1000)
    assert verdict.violations == [] and verdict.count == 0
    assert verdict.counts["runs ended"] == 4 and verdict.counts["users"] == 2
    assert verdict.counts["operations"] == 7 and verdict.counts["unknown"] == 1
    assert verdict.verdicts["valid"] == len([e for e in SmallRun().events if e["key"]])


def test_what_was_on_its_way_when_everything_is_read_again_is_no_violation(tmp_path):
    run = SmallRun()
    asked = line(run, user=ANN, kind="invoke", op="resume")
    at = run.history.index(asked)
    last = max((each for each in run.history[:at] if each["user"] == ANN and "seq" in each),
               key=lambda each: each["seq"])
    run.history.remove(last)
    run.history.insert(run.history.index(asked) + 1, last | {"t": asked["t"]})
    assert judge(run, tmp_path).violations == []


# ---- finding what is to be broken

def line(run, **fields):
    """The first line of the history with these fields."""
    return next(each for each in run.history if all(each.get(k) == v for k, v in fields.items()))


def event(run, name, user=ANN):
    return next(e for e in run.events
                if e["key"] == user and e["headers"]["ce_type"] == f"dev.signalbox.{name}")


def set_line(fields, **changes):
    return lambda run: line(run, **fields).update(changes)


def drop_line(**fields):
    return lambda run: run.history.remove(line(run, **fields))


def double_line(**fields):
    def change(run):
        at = run.history.index(line(run, **fields))
        run.history.insert(at, copy.deepcopy(run.history[at]))
    return change


def set_header(name, header, value, user=ANN):
    return lambda run: event(run, name, user)["headers"].update({header: value})


def set_data(name, user=ANN, **data):
    return lambda run: event(run, name, user)["data"].update(data)


def drop_event(name, user=ANN):
    """And closes the gap in its owner's numbers, as an owner that forgot it would have."""
    def change(run):
        gone = event(run, name, user)
        run.events.remove(gone)
        for each in run.events:
            headers = each["headers"]
            if headers.get("ce_ownerepoch") == gone["headers"]["ce_ownerepoch"] \
                    and int(headers["ce_ownerseq"]) > int(gone["headers"]["ce_ownerseq"]):
                headers["ce_ownerseq"] = str(int(headers["ce_ownerseq"]) - 1)
    return change


def drop_inbound(at):
    return lambda run: run.inbound.pop(at)


def swap_inbound(first, second):
    def change(run):
        run.inbound[first], run.inbound[second] = run.inbound[second], run.inbound[first]
    return change


def swap_lines(first, second):
    def change(run):
        one, other = line(run, **first), line(run, **second)
        a, b = run.history.index(one), run.history.index(other)
        run.history[a], run.history[b] = other, one
    return change


def append_event(user, name, number, **data):
    def change(run):
        run.event(user, name, 0, number, 1, **data)
        run.frames[user].pop()
    return change


def late_zombie(run):
    """An event of the first owner after the second one claimed, shown to its user all the same."""
    run.epoch, run.ords = 1, 12
    run.event(ANN, "agent_thinking", 2, 2, 1, step=1, content="of a zombie")
    frame = run.frames[ANN].pop()
    at = run.history.index(line(run, user=ANN, kind="invoke", op="resume"))
    run.history.insert(at, {"t": run.history[at]["t"], "user": ANN, **frame})


def other_bytes_again(run):
    again = copy.deepcopy(event(run, "agent_started"))
    again["data"]["agent"] = "another"
    run.events.append(again)


def unclaimed_epoch(run):
    event(run, "agent_completed", BEN)["headers"]["ce_ownerepoch"] = "7"


def message_twice(run):
    run.event(ANN, "message_received", 3, 2, message_id="m2", content="user-1 says 2", agent="playbook")
    run.frames[ANN].pop()


def missing_again(run):
    """The history read again ends one event too early, and says so."""
    last = [each for each in run.history if each["user"] == ANN and each.get("seq") == len(run.frames[ANN])]
    run.history.remove(last[-1])


def foreign_frame(run):
    """An event of Ben's on Ann's socket."""
    at = run.history.index(line(run, user=ANN, kind="invoke", message_id="m2"))
    run.history.insert(at, {"t": run.history[at]["t"], "user": ANN, **run.frames[BEN][0]})


def wrong_position(run):
    """A cursor whose position says another ownerseq than holds there."""
    line(run, user=ANN, seq=3)["cursor"] = cursor(ANN, 5, 1, 9, 3)


def resumed_too_late(run):
    """The second socket goes on one event too late."""
    run.history.remove(line(run, user=ANN, seq=6))


def resumed_too_early(run):
    at = run.history.index(line(run, user=ANN, seq=6))
    run.history.insert(at, {"t": run.history[at]["t"], "user": ANN, **run.frames[ANN][4]})


SEEN = {"user": ANN, "seq": 4}
ACK = {"user": ANN, "kind": "ok", "message_id": "m1"}
SENT = {"user": ANN, "kind": "invoke", "message_id": "m1"}

BROKEN = [
    # what was acknowledged
    ("I1", "an acknowledged message is not in inbound", drop_inbound(4)),
    ("I1", "an acknowledged message never became an event", drop_event("message_received", BEN)),
    ("I1", "an ack of a message that is not there", set_line(ACK, message_id="m9")),
    ("I2", "a message nobody sent", drop_line(user=BEN, kind="invoke", message_id="m2")),
    ("I2", "a message with another text", set_line(SENT, content_sha256="00")),
    ("I2", "a message in another thread", set_line(SENT, thread_id="thread of user-2")),
    ("I2", "an event of a run no message began", set_header("agent_started", "ce_runid", "run-x")),
    ("I3", "an ack of another run", set_line(ACK, run_id="run-x")),
    ("I3", "a message received twice", message_twice),
    ("I3", "a run that is not its message's", set_header("message_received", "ce_runid", "run-x")),
    ("I3", "a duplicate of nothing", set_data("message_duplicate", message_id="m7")),
    ("I3", "a tool call under another id", set_data("tool_executing", call_id="call-x")),
    # order
    ("I4", "inbound in another order than acknowledged", swap_inbound(0, 2)),
    ("I4", "an ack before an earlier message", swap_lines(
        {"user": BEN, "kind": "invoke", "message_id": "m1"}, {"user": BEN, "kind": "ok", "message_id": "m2"})),
    ("I4", "two runs of one thread at a time", drop_event("agent_completed")),
    # ends
    ("I5", "a second end in the log", append_event(ANN, "agent_failed", 1, code="deadline")),
    ("I5", "an event after the end", append_event(ANN, "agent_thinking", 1, step=2, content="late")),
    ("I5", "a second end for a client", set_line({"user": ANN, "type": "agent_completed"}, seq=4)),
    ("I5", "an end its user never saw", lambda run: [
        drop_line(user=BEN, type="agent_completed", seq=8)(run) for _ in range(2)]),
    ("I5", "a run that began without agent_started", drop_event("agent_started")),
    ("I5", "an attempt that nobody resumed", set_header("agent_completed", "ce_attempt", "2")),
    ("I5", "a result without a call", drop_event("tool_executing")),
    ("I6", "a run that never ended", lambda run: run.events.pop()),
    ("I6", "an end nobody saw", lambda run: [
        drop_line(user=BEN, type="agent_completed", seq=8)(run) for _ in range(2)]),
    # the log's own order
    ("I7", "a seq left out", set_header("agent_completed", "ce_userseq", "6")),
    ("I7", "an id of another event", set_header("agent_started", "ce_id", "x")),
    ("I7", "the same id with other bytes", other_bytes_again),
    ("I8", "an epoch nobody claimed", unclaimed_epoch),
    # whose it is
    ("I9", "another user's event on a socket", foreign_frame),
    ("I9", "a frame that names another user", set_line(SEEN, user_id=BEN)),
    ("I9", "a frame of another user's thread", set_line(SEEN, thread_id="thread of user-2")),
    ("I9", "a frame of another user's run", set_line(
        SEEN, run_id=contract.run_id_of(BEN, "m1"))),
    ("I9", "a frame of another user's socket", set_line(SEEN, websocket_client_id=socket_of(BEN, 1))),
    ("I9", "a welcome as another user", set_line({"user": ANN, "type": "connection_ready"}, user_id=BEN)),
    ("I9", "a record that names another user's socket",
     lambda run: run.inbound[0]["headers"].update(ce_wsclientid=socket_of(BEN, 1))),
    ("I9", "a record under another key", lambda run: event(run, "agent_started").update(key=BEN)),
    # streams
    ("I10", "an event left out of a stream", drop_line(**SEEN)),
    ("I10", "an event twice in a stream", double_line(**SEEN)),
    ("I10", "two events in another order", swap_lines({"user": ANN, "seq": 3}, {"user": ANN, "seq": 4})),
    ("I10", "a resume that skips an event", resumed_too_late),
    ("I10", "a resume that repeats an event", resumed_too_early),
    ("I10", "a history read again that ends too early", missing_again),
    ("I10", "caught up before the last event came", set_line(
        {"user": ANN, "type": "caught_up", "cursor": cursor(ANN, 0, 0, 0, 0)},
        cursor=cursor(ANN, 3, 1, 1, 1))),
    ("I11", "a cursor of another log", set_line(
        SEEN, cursor=cursor(ANN, 6, 1, 4, 4, log="0192f5a0-7c3e-7d11-9b0a-3f6d2e8c4b16"))),
    ("I11", "a cursor of another partition", set_line(SEEN, cursor=cursor(ANN, 6, 1, 4, 4, partition=1))),
    ("I11", "a cursor of another user", set_line(SEEN, cursor=cursor(BEN, 6, 1, 4, 4))),
    ("I11", "a cursor with a changed byte", set_line(SEEN, cursor="B" + cursor(ANN, 6, 1, 4, 4)[1:])),
    ("I11", "a cursor beyond the log", set_line(SEEN, cursor=cursor(ANN, 600, 1, 4, 4))),
    ("I11", "a cursor with a position that never held", wrong_position),
    ("I11", "a cursor that passes an event of its user", set_line(SEEN, cursor=cursor(ANN, 7, 1, 5, 4))),
    ("I11", "a good cursor refused", set_line(
        {"user": ANN, "type": "caught_up"}, type="error", code="cursor_invalid")),
    ("I12", "an event that is not in the log", set_line({"user": BEN, "seq": 8}, seq=80)),
    ("I12", "an event of a zombie shown", late_zombie),
    ("I12", "an event with other data", set_line(SEEN, data_sha256="00")),
    ("I12", "an event with another time", set_line(SEEN, time="2026-11-20T09:31:00.000000Z")),
    ("I12", "an event of another kind", set_line(SEEN, type="agent_thinking")),
    ("I12", "an event of another attempt", set_line(SEEN, attempt=2)),
    # answers
    ("I13", "a command without outcome", lambda run: run.command(ANN, 2)),
    ("I13", "outcomes in another order", set_header("message_received", "ce_inboundoffset", "1")),
    ("I13", "a resume point that passes a command", lambda run: run.events[1]["data"].update(inbound_next=1)),
    ("I13", "an event nobody can read", lambda run: event(run, "agent_started")["headers"].pop("ce_ownerseq")),
    ("I14", "a changed value", set_data("agent_completed", content="changed")),
    ("I14", "a changed chain hash", set_header("tool_completed", "ce_chainhash", "00")),
    ("I21", "a time that goes back", set_header("agent_completed", "ce_time", "2026-11-20T09:29:00.000000Z")),
    ("I23", "a send without an answer", drop_line(user=ANN, kind="unknown")),
    ("I23", "a send answered twice", double_line(**ACK)),
    ("I23", "an answer to nothing", drop_line(**SENT)),
]


@pytest.mark.parametrize("invariant, change", [
    pytest.param(invariant, change, id=f"{invariant}-{name}") for invariant, name, change in BROKEN])
def test_a_broken_run_is_named(tmp_path, invariant, change):
    run = SmallRun()
    change(run)
    verdict = judge(run, tmp_path)
    assert invariant in invariants(verdict), verdict.violations
    assert verdict.count >= len(verdict.violations) > 0


def test_a_run_that_ended_too_late_is_named(tmp_path):
    run = SmallRun()
    acked = line(run, **ACK)["t"] / SECOND
    assert judge(run, tmp_path, healed_at=acked, limit_seconds=5).violations == []
    verdict = judge(run, tmp_path, healed_at=acked, limit_seconds=4)
    assert invariants(verdict) == {"I6"} and verdict.count == 1


def test_an_ack_from_a_disk_that_took_nothing_is_named(tmp_path):
    run = SmallRun()
    acked = line(run, **ACK)["t"]
    for since, until, wrong in ((-3, 1, {"I19"}), (-1.5, 1, set()), (-4, -1, set()), (1, 3, set())):
        span = (acked + int(since * SECOND), acked + int(until * SECOND))
        assert invariants(judge(run, tmp_path, refusals=[span])) == wrong


def test_what_stays_open_is_named():
    leaks = checkers.NothingLeaks(None)
    before = {"files": Counter(socket=10, log=5), "threads": Counter(io=2)}
    leaks.before = {"gateway-1": before}
    most = {"files": Counter(socket=58), "threads": Counter(io=2, feed=12)}
    leaks.compare({"gateway-1": most, "guest-1": {"files": Counter(socket=99), "threads": Counter(io=99)}})
    assert leaks.found == []
    leaks.compare({"gateway-1": {name: count + Counter(io=1) for name, count in most.items()}})
    assert leaks.found == ["I17 more files than before: {'socket': 48, 'io': 1}: process gateway-1",
                           "I17 more threads than before: {'io': 1, 'feed': 12}: process gateway-1"]
    leaks.compare({"gateway-1": before})
    assert leaks.found == [] and leaks.count == 0
    leaks.compare({})
    assert leaks.found == ["I17 not there to be looked at: process gateway-1"]


def test_a_process_above_its_limits_is_named_once():
    memory = checkers.MemoryIsBounded(None, bytes_max=100, files_max=10)
    for rss, files in ((100, 10), (101, 10), (150, 10), (90, 11)):
        memory.sample({"process": "router-1", "rss": rss, "files": files})
    assert memory.count == 2 and memory.most == {"router-1": [150, 11]}
    assert all(violation.startswith("I16 ") for violation in memory.found)


def test_a_process_that_was_never_measured_is_named():
    memory = checkers.MemoryIsBounded(None, bytes_max=100, files_max=10)
    memory.sample({"process": "router-1", "rss": 50, "files": 5})
    memory.sample({"process": "router-2", "rss": 0, "files": 0})  # it was gone already
    memory.expect(["router-1", "router-2", "gateway-1"])
    assert memory.found == [f'I16 never measured: process {name}' for name in ("router-2", "gateway-1")]


def test_a_history_without_an_answer_is_not_judged(tmp_path, monkeypatch, capsys):
    run = SmallRun()
    history, dump = run.write(tmp_path)
    monkeypatch.setattr(check_run.log_dump, "write_dump", lambda source, path: None)
    monkeypatch.setattr(sys, "argv", ["check_run.py", str(history), str(tmp_path), "--dump", str(dump)])
    assert check_run.main() == 0
    run.history, run.inbound, run.events = [], [], run.events[:1]
    run.write(tmp_path)
    assert check_run.main() == 1
    assert "nothing was answered with ok" in capsys.readouterr().out


def test_a_secret_in_a_log_line_is_named(tmp_path):
    log = tmp_path / "gateway.log"
    log.write_text("started\ntoken eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2ln\nMy name is Ann Smith.\n")
    secrets = checkers.LogsKeepSecrets(None, texts=["My name is Ann Smith"])
    secrets.read(log)
    assert [violation.rsplit(":", 1)[1] for violation in secrets.found] == ["2", "3"]


def test_every_checker_was_made_red():
    red = {invariant for invariant, _, _ in BROKEN} | {"I19"}  # by a test of its own
    assert {kind.invariant for kind in checkers.OF_HISTORIES} <= red
    assert len(BROKEN) >= 40 and len({(i, n) for i, n, _ in BROKEN}) == len(BROKEN)


def test_a_cursor_is_read_as_it_was_written():
    found = log_index.decode_cursor(cursor(ANN, 6, 1, 4, 4), ANN)
    assert (found.partition, found.next_offset, found.epoch, found.ord, found.last_seq) == (
        small_run.PARTITION, 6, 1, 4, 4)

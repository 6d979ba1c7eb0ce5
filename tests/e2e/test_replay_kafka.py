"""`signalbox replay` and the audit of an event store over a log on a real broker: the same answers
as on the embedded log, and what is left where records were deleted."""
import json
import subprocess

import pytest

from contract import partition_of
from harness import clean_environment
from test_audit import Auditor, talk, wait_until

PARTITIONS = 3


def run(program, *words, **popen):
    return subprocess.run([program, *map(str, words)], capture_output=True, text=True, timeout=60,
                          check=False, env=clean_environment(), **popen)


class Story:
    """Two processes, `service` with all roles and `store`, and a user with two runs."""

    def __init__(self, make_service, program, log):
        self.program, self.log = program, log
        self.service = make_service("front", kafka=log, audit_anchor_interval="300ms").start()
        self.store = make_service("store", role="event-store", kafka=log,
                                  audit_anchor_interval="300ms").start()
        self.runs, self.events = talk(self.service, "anna", "hello", "what is 17 * 23?")

    def replay(self, verb, *words, code=0):
        done = run(self.program, "replay", verb, "--kafka", self.log[0], "--topic-prefix",
                   self.log[1], *words)
        assert done.returncode == code, (verb, words, done.stdout, done.stderr)
        return done

    def verified(self):
        """Beside the store, once its archive has all."""
        return wait_until(
            lambda: json.loads(self.replay("verify", "--json", "--data", self.store.data).stdout),
            lambda verdict: verdict["archived_events"] == verdict["events"] > 0
            and verdict["anchored_events"] == verdict["events"])


@pytest.fixture
def story(make_service, kafka_address, make_log, request):
    program = request.config.getoption("--program")
    return Story(make_service, program, make_log(kafka_address, PARTITIONS))


def json_lines(text):
    return [json.loads(line) for line in text.splitlines()]


def runs_in(state):
    return {run["run_id"] for thread in state["threads"] for run in thread["runs"]}


def test_every_verb_of_replay_reads_the_log_on_kafka(story, tmp_path):
    replay, store, runs, events = story.replay, story.store, story.runs, story.events
    lines = json_lines(replay("timeline", "--user", "anna", "--json").stdout)
    assert [line["seq"] for line in lines] == [event["seq"] for event in events]
    assert len(json_lines(replay("timeline", "--json").stdout)) == len(lines)
    assert runs_in(json.loads(replay("state", "--user", "anna", "--json").stdout)) == set(runs)
    frames = json_lines(replay("play", "--user", "anna", "--speed", "max").stdout)
    assert [frame["seq"] for frame in frames] == [event["seq"] for event in events]
    same = replay("rerun", "--user", "anna", "--run", runs[0])
    assert same.returncode == 0 and "same: " in same.stdout, same
    alone = replay("verify", "--json")
    assert json.loads(alone.stdout)["whole"] and "no archive was compared" in alone.stderr
    beside = story.verified()
    assert beside["whole"] and beside["anchors"] > 0, beside
    config = tmp_path / "box.toml"
    config.write_text(f'data = "{store.data}"\n[kafka]\nbrokers = "{story.log[0]}"\n'
                      f'topic_prefix = "{story.log[1]}"\n')
    file = tmp_path / "anna.jsonl"
    done = run(story.program, "replay", "export", "--config", config, "--user", "anna", "--out", file)
    assert done.returncode == 0 and "anchored up to seq" in done.stderr, done.stderr
    key = store.data / "anchors" / "anchor.pub"
    proven = run(story.program, "replay", "verify", "--export", file, "--key", key)
    assert proven.returncode == 0, proven.stdout + proven.stderr


def test_an_event_store_answers_auditors_in_full(story):
    runs, events = story.runs, story.events
    auditor = Auditor(story.service)
    auditor.address = story.store.address
    at = wait_until(lambda: auditor.of("anna", "state"),
                    lambda answer: len(runs_in(answer["at"])) == 2)["at"]
    assert runs_in(at) == set(runs)
    between = auditor.of("anna", f"state?at=1&to={len(events)}")
    assert between["differences"] and between["at"] != between["to"]
    tree = auditor.of("anna", f"runs/{runs[1]}")
    assert tree["run_id"] == runs[1] and tree["tree"]
    status, headers, body = auditor.ask("/v1/audit/users/anna/export")
    assert status == 200 and headers["Content-Type"] == "application/x-ndjson"
    manifest, *records = map(json.loads, body.decode().splitlines())
    assert manifest["user_id"] == "anna" and len(records) == len(events)
    answer = auditor.verify("anna")
    assert answer["state"] == "done" and answer["verdict"]["whole"], answer
    views = wait_until(lambda: auditor.of("anna", "views")["views"], lambda v: len(v) >= 5)
    assert {view["auditor"] for view in views} == {"boss"}
    status, _, page = auditor.ask("/audit")
    assert status == 200 and b"<html" in page


def test_a_log_whose_records_were_deleted_is_verified_from_what_is_left(make_kafka, make_service,
                                                                        make_log, request, tmp_path):
    program = request.config.getoption("--program")
    kafka = make_kafka().start()
    story = Story(make_service, program, make_log(kafka.address, PARTITIONS))
    story.verified()
    cut, partition = 6, partition_of("anna", PARTITIONS)
    plan = tmp_path / "delete.json"
    plan.write_text(json.dumps({"version": 1, "partitions": [
        {"topic": f"{story.log[1]}.events", "partition": partition, "offset": cut}]}), "utf-8")
    kafka.tool("DeleteRecordsCommand", "--offset-json-file", str(plan))
    verdict = json.loads(story.replay("verify", "--json", "--data", story.store.data, code=3).stdout)
    assert [found["kind"] for found in verdict["findings"]] == ["log_cut"], verdict
    assert verdict["findings"][0]["offset"] == cut and "unanchored" in verdict
    assert 0 < verdict["events"] < len(story.events)
    assert verdict["archived_events"] == verdict["events"]
    left = story.replay("timeline", "--user", "anna", "--json")
    assert "oldest record that is left" in left.stderr
    assert 1 < json_lines(left.stdout)[0]["seq"] <= len(story.events)
    refused = story.replay("state", "--user", "anna", code=1)
    assert "oldest record that is left" in refused.stderr
    archived = story.replay("state", "--user", "anna", "--json", "--data", story.store.data)
    assert runs_in(json.loads(archived.stdout)) == set(story.runs)

"""Every command of ops/runbook.md is run as it stands there, in its order, on a real Apache Kafka. With
`-k one_broker` a part of it, on one broker in place of three. SIGNALBOX_TEST_KAFKA_VERSION chooses the version
that is started."""
import contextlib
import os
import re
import signal

import pytest

from papers import ROOT, blocks
from sandbox import Sandbox

PAPER = "ops/runbook.md"
TEXT = (ROOT / PAPER).read_text("utf-8")
PORTS = (*range(9092, 9098), 8080, 8081, *range(8090, 8093))

# What each section's blocks must print, where the exit code is not enough; one per block.
READY = r'"ready":true'
SECTIONS = {
    "A cluster to try this on": [r"kafka ready at 127\.0\.0\.1:9092", ""],
    "Create topics": [r"12 partitions, topics signalbox\.\*\ntopics are as they should be",
                      r"topics are as they should be"],
    "Start the roles": [rf"{READY}.*{READY}.*{READY}", r'"message":"probe succeeded"'],
    "Add a router": [rf'{READY}.*"inbound_next".*{READY}.*"inbound_next"'],
    "Remove a router": [READY],
    "Roll an upgrade": [rf'{READY}.*{READY}.*{READY}.*"message":"probe succeeded"'],
    "Read the lag": [r'"kafka-owners".*signalbox_partition_lag_records\{.*"router".* \d+\n.*inbound_next.*"lag":\d+.*'
                     r'signalbox_partition_owned\{.*"event_store".* 1\n.*complete_to.*"lag":\d+.*'
                     r'signalbox_gateway_inbound_lag_records'],
    "Quarantine": [r"dropped|resolved"],
    "Lose a broker": [r"Partition: \d+.*probe succeeded", r"kafka ready at"],
    "Lose a partition leader": [r"Leader: [123]\s"],
    "Is the record whole?": [r"no damage.*no damage"],
    "Take the trial down": [r""],
}
# On one broker; its topics have one replica, so that `topics check` as shown would name that.
OF_ONE = ("A cluster to try this on", "Create topics", "Start the roles", "Read the lag", "Quarantine",
          "Is the record whole?", "Take the trial down")
THREE_ALONE = "topics check"
MADE = "ops/kafka/up --brokers"


def sections():
    """(title, blocks), in order."""
    titles = [(found.start(), found[1]) for found in re.finditer(r"^## (.+)$", TEXT, re.MULTILINE)]
    for (begin, title), (end, _) in zip(titles, [*titles[1:], (len(TEXT), "")]):
        yield title, [block for block in blocks(PAPER, TEXT[begin:end]) if block.language == "sh"]


@pytest.fixture
def sandbox(request, tmp_path):
    made = Sandbox(tmp_path, request.config.getoption("--program"),
                   request.config.getoption("--dice-box"), PORTS)
    if why_not := made.why_not():
        made.close()
        pytest.skip(why_not)
    yield made
    for file in (made.folder / "build").glob("*.pid"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(file.read_text("utf-8")), signal.SIGKILL)
    made.run("ops/kafka/down")
    made.close()


def of_version(text):
    """A cluster's version is chosen where it is made, and kept."""
    version = os.environ.get("SIGNALBOX_TEST_KAFKA_VERSION")
    return text.replace(MADE, f"ops/kafka/up --version {version} --brokers") if version else text


def run_section(sandbox, title, shown, text_of):
    """What the processes of the trial said of themselves is in the failure."""
    expected = SECTIONS[title]
    assert len(shown) == len(expected), title
    for block, pattern in zip(shown, expected):
        text = text_of(of_version(block.text))
        if not text:
            continue
        print(f"{title}: {block.first}")
        try:
            printed = sandbox.run(text)
        except AssertionError as failure:
            said = {file.name: file.read_text("utf-8")[-800:]
                    for file in (sandbox.folder / "build").glob("*.txt")}
            raise AssertionError(f"{failure}\n{said}") from None
        assert re.search(pattern, printed, re.DOTALL), f"no {pattern!r} in\n{printed}"


def named_metrics():
    return set(re.findall(r"`(signalbox_(?!watch)[a-z_]+)`", TEXT))


def exported_metrics(sandbox):
    text = sandbox.run("for port in 8081 8090 8091; do curl -fsS http://127.0.0.1:$port/metrics; done")
    return set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))


def test_the_runbook_works_word_for_word_on_three_brokers(sandbox, kafka_address):
    for title, shown in sections():
        if shown:
            run_section(sandbox, title, shown, lambda text: text)
        if title == "Read the lag":  # until then some are not known
            assert named_metrics() - exported_metrics(sandbox) == set()


def test_a_part_of_it_works_on_one_broker(sandbox, kafka_address):
    def on_one(text):
        if THREE_ALONE in text:
            return ""
        return text.replace("--brokers 3", "").replace(",127.0.0.1:9093,127.0.0.1:9094", "")

    for title, shown in sections():
        if title in OF_ONE:
            run_section(sandbox, title, shown, on_one)
        if title == "Read the lag":  # until then some are not known
            assert named_metrics() - exported_metrics(sandbox) == set()


def test_the_section_that_makes_the_cluster_can_be_given_a_version():
    assert TEXT.count(MADE) == 1


def test_every_section_with_commands_is_known():
    assert [title for title, shown in sections() if shown] == list(SECTIONS)


# Where reasons are made.
MADE_IN = {"router/partition_worker.cpp": "PartitionWorker::why_not_serving",
           "router/router.cpp": "Router::refresh_status",
           "gateway/feed.cpp": "Feed::tick",
           "gateway/inbound_lag.cpp": "InboundLag::reasons",
           "gateway/gateway.cpp": "Gateway::Parts::readiness",
           "event-store/log/kafka_membership.cpp": "KafkaMember::why_out",
           "ops/cli/service.cpp": "Service::Parts::not_ready",
           "ops/cli/service_log.cpp": "ServiceLog::not_ready"}


def reasons_in_code():
    """The pieces of text of which the reasons are put together."""
    pieces = set()
    for file, function in MADE_IN.items():
        code = (ROOT / file).read_text("utf-8")
        begin = re.search(rf"^\S.* {function}\(", code, re.MULTILINE).start()
        literals = re.findall(r'"([^"\\]+)"', code[begin:code.index("\n}\n", begin)])
        assert literals, file
        pieces |= {literal.strip(": ") for literal in literals}
    return pieces - {""}


def test_readiness_says_what_the_runbook_explains():
    """In both directions: its words stand in the code, and every reason of the code stands in it."""
    table = TEXT[TEXT.index("Reasons in `/readyz`"):TEXT.index("Metrics of `/metrics`")]
    said = re.findall(r"`([^`]+)`", "\n".join(line.split("|")[1] for line in table.splitlines()
                                              if line.startswith("| `")))
    # A capital stands for a number, dots for what is told elsewhere.
    words = {word.strip(": ") for reason in said for word in re.split(r"\b[A-Z]\b|…", reason)} - {""}
    code = reasons_in_code()
    assert len(words) >= 9
    assert [word for word in words if not any(word in piece for piece in code)] == []
    assert [piece for piece in code if not any(piece in reason for reason in said)] == []

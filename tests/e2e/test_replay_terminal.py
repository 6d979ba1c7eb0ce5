"""`signalbox replay` on a terminal: a bar for what lasts longer than a second and none in a pipe, and
Ctrl-C, typed there, which ends it and leaves the terminal as it was.

A verb is held up, so that no long history is made: by a lock on the log it is stopped within, by a
pipe that is fed slowly, or by the pace it plays at.
"""
import asyncio
import contextlib
import fcntl
import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import termios
import threading
import time

import pytest

from harness import WAIT_SECONDS, Client, Service, clean_environment

BAR = re.compile(r"\r\[#* *\] (\d+)/(\d+) records  \d+\.\d s  ")
ERASED = "\r\x1b[K"  # what stands on its line
CTRL_C = b"\x03"
LONGER_THAN_THE_BAR_WAITS = 1.1  # seconds
LARGER_THAN_A_TERMINAL = 30_000  # bytes: what it takes before it is read
PAUSE = 1  # second, between two of anna's messages
VERBS = {
    "verify": [], "state": [], "export": ["--out", "OUT"], "timeline": [],
    "timeline of nothing": ["--type", "agent_failed"], "timeline of little": ["--type", "agent_started"],
    "play": ["--speed", "max"], "export to the terminal": [], "rerun": ["--run", "RUN"],
}


class Terminal:
    """A program whose terminal this is; `shown` is all it has drawn. One that is not read yet holds
    it up once it is full, until its end is waited for. Use with `with`."""

    def __init__(self, command, is_read=True, **streams):
        self.ours, self.theirs = os.openpty()
        self.before = termios.tcgetattr(self.theirs)
        self.program = subprocess.Popen(
            [*map(str, command)], **{name: self.theirs for name in ("stdin", "stdout", "stderr")}
            | streams, env=clean_environment(), start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(2, termios.TIOCSCTTY, 0))
        self.drawn = b""
        self.may_read = threading.Event()
        if is_read:
            self.may_read.set()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        self.may_read.wait()
        with contextlib.suppress(OSError):  # it is closed
            while piece := os.read(self.ours, 4096):
                self.drawn += piece

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.program.kill()
        self.program.wait()
        self.may_read.set()
        os.close(self.theirs)
        self.reader.join()
        os.close(self.ours)

    @property
    def shown(self):
        return self.drawn.decode("utf-8")

    def type(self, keys):
        os.write(self.ours, keys)

    def end(self):
        """The exit code, once all it drew is here and the terminal was found as it had been."""
        self.may_read.set()
        code = self.program.wait(WAIT_SECONDS)
        assert termios.tcgetattr(self.theirs) == self.before
        os.write(self.theirs, b"<end>")
        wait_for(lambda: self.shown.endswith("<end>"), self)
        self.drawn = self.drawn.removesuffix(b"<end>")
        return code


def screen(shown):
    """The lines that are left on a terminal on which that was drawn."""
    lines = []
    for line in shown.split("\n"):
        cells, column = [], 0
        for piece in re.findall(r"\r|\x1b\[K|[^\r\x1b]", line):
            if piece == "\r":
                column = 0
            elif piece == "\x1b[K":
                del cells[column:]
            else:
                cells[column:column + 1] = piece
                column += 1
        lines.append("".join(cells))
    return "\n".join(lines)


def counts(shown):
    """(done, total) of each bar that was drawn."""
    return [(int(done), int(total)) for done, total in BAR.findall(shown)]


def wait_for(is_so, terminal):
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, terminal.shown
        time.sleep(0.01)


@contextlib.contextmanager
def locked(log):
    """Whoever opens the log waits until the function it gives is called."""
    with contextlib.closing(sqlite3.connect(log, isolation_level=None)) as database:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        yield database.close


def has_opened(process, log):
    for file in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # it was closed meanwhile
            if os.readlink(file) == str(log):
                return True
    return False


def stopped_within(start, log):
    """What `start` makes, stopped while it waits for the log: it has begun to count, and taken the
    signals, before it opened it. So it waits no longer than it takes to see that it does."""
    while True:
        held = start()
        program = getattr(held, "program", held)
        while program.poll() is None and not has_opened(program, log):
            time.sleep(0.01)
        program.send_signal(signal.SIGSTOP)
        if program.poll() is None:
            return held
        with held:  # it gave up before it was seen: once more
            program.wait()


@pytest.fixture(scope="module")
def data(request, tmp_path_factory):
    """The data directory of a service that has stopped."""
    service = Service(request.config.getoption("--program"),
                      tmp_path_factory.mktemp("data") / "data", log_partitions="1").start()

    async def talk():
        async with Client(service, "anna") as client:
            await client.wait_for_end(await client.say("m-1", "what is 17 * 23?"))
            await asyncio.sleep(PAUSE)
            await client.wait_for_end(await client.say("m-2", "what is 2 + 2?"))
        async with Client(service, "berta") as client:
            for number in range(3):
                await client.wait_for_end(await client.say(f"m-{number}", "x" * LARGER_THAN_A_TERMINAL))

    try:
        asyncio.run(talk())
    finally:
        assert service.stop() == 0
    return service.data


@pytest.fixture(scope="module")
def run(request, data):
    """Of anna's first message."""
    words = [request.config.getoption("--program"), "replay", "timeline", "--data", str(data), "--user",
             "anna", "--json"]
    return json.loads(printed(words).splitlines()[0])["run_id"]


@pytest.fixture
def command(request, data, run, tmp_path):
    def of(verb):
        words = [request.config.getoption("--program"), "replay", verb.split()[0], "--data", str(data)]
        words += ["--user", "anna"] if verb != "verify" else []
        given = {"OUT": str(tmp_path / "out"), "RUN": run}
        return words + [given.get(word, word) for word in VERBS.get(verb, [])]
    return of


@contextlib.contextmanager
def lasting(command, log, start):
    """One program a verb, as `start` makes it, each held up longer than the bar waits; and the
    function that lets them go on."""
    with contextlib.ExitStack() as stack:
        let_go_of_log = stack.enter_context(locked(log))
        made = {verb: stack.enter_context(stopped_within(lambda words=command(verb): start(words), log))
                for verb in VERBS}
        time.sleep(LONGER_THAN_THE_BAR_WAITS)

        def let_go():
            let_go_of_log()
            for each in made.values():
                getattr(each, "program", each).send_signal(signal.SIGCONT)

        yield made, let_go


def in_pipes(words):
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=clean_environment())


def printed(words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=WAIT_SECONDS, env=clean_environment(), check=True)
    return done.stdout


def test_what_lasts_shows_a_bar_on_a_terminal_that_leaves_nothing_behind(command, data):
    with lasting(command, data / "log.db", Terminal) as (terminals, let_go):
        let_go()
        for verb, terminal in terminals.items():
            assert terminal.end() == 0, terminal.shown
            assert BAR.match(terminal.shown), (verb, terminal.shown)
            # Of a state, which the archive holds, there used to be no total.
            assert all(0 <= done <= total > 0 for done, total in counts(terminal.shown)), terminal.shown
            assert screen(terminal.shown) == printed(command(verb)), (verb, terminal.shown)


def test_there_is_no_bar_in_a_pipe(command, data):
    with lasting(command, data / "log.db", in_pipes) as (programs, let_go):
        let_go()
        for verb, program in programs.items():
            lines, said = program.communicate(timeout=WAIT_SECONDS)
            assert program.returncode == 0, said
            assert "\r" not in lines + said
            beside = {"export": r"\d+ events, .*\n", "nothing": r".*: nothing matched: .*\n"}
            assert re.fullmatch(next((beside[key] for key in beside if key in verb), ""), said)


def test_ctrl_c_ends_it_and_what_it_says_has_a_line_of_its_own(command, data, tmp_path):
    with lasting(command, data / "log.db", Terminal) as (terminals, let_go):
        for terminal in terminals.values():
            terminal.type(CTRL_C)
            wait_for(lambda shown=terminal: "^C" in shown.shown, terminal)
        let_go()
        for verb, terminal in terminals.items():
            assert terminal.end() == 1, terminal.shown
            assert screen(terminal.shown) == f"signalbox replay {verb.split()[0]}: interrupted\n"
            assert BAR.search(terminal.shown)
    assert not list(tmp_path.iterdir())


def test_between_two_frames_that_are_far_apart_there_is_a_bar(command):
    frames = printed(command("play")).splitlines()
    slowly = str(PAUSE / 5)  # so that the pause lasts five seconds, and the rest not long
    with Terminal([*command("play")[:-1], slowly]) as terminal:
        assert terminal.end() == 0, terminal.shown
        assert screen(terminal.shown).splitlines() == frames
        drawn = counts(terminal.shown)
        assert len(drawn) > 1 and drawn == sorted(drawn), terminal.shown
        # So many were played, not read ahead.
        assert all(done < total for done, total in drawn), terminal.shown


def test_a_bar_is_not_drawn_into_a_line_that_is_not_whole(command):
    """It was, between two pieces of the one line of JSON, and took what the line had with it."""
    words = [*command("state")[:-1], "berta", "--json"]
    with Terminal(words, is_read=False) as terminal:
        time.sleep(LONGER_THAN_THE_BAR_WAITS)
        assert terminal.end() == 0, terminal.shown
        assert screen(terminal.shown) == printed(words)


def test_an_export_that_is_piped_slowly_shows_how_far_it_is(command, data, tmp_path):
    subprocess.run(command("export"), capture_output=True, timeout=WAIT_SECONDS, check=True)
    manifest, *records = (tmp_path / "out").read_bytes().splitlines(keepends=True)
    words = [*command("verify")[:3], "--export", "-", "--key", data / "anchors" / "anchor.pub"]
    with Terminal(words, stdin=subprocess.PIPE) as terminal:
        piped = terminal.program.stdin
        piped.write(manifest)
        # One by one: it used to be drawn every thousand records.
        for number, record in enumerate(records[:2], 1):
            piped.write(record)
            piped.flush()
            wait_for(lambda n=number: (n, len(records)) in counts(terminal.shown), terminal)
        assert terminal.program.poll() is None, terminal.shown
        terminal.type(CTRL_C)
        assert terminal.end() == 1, terminal.shown
        assert screen(terminal.shown) == "signalbox replay verify: interrupted\n"

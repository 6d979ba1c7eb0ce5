"""`signalbox replay` on a terminal: a bar for what lasts longer than a second and none in a pipe, and
Ctrl-C, typed there, which ends it and leaves the terminal as it was.

A verb is held up by a lock on the log, or by a pipe that is fed slowly, so no long history is made.
"""
import asyncio
import contextlib
import fcntl
import os
import pathlib
import re
import sqlite3
import subprocess
import termios
import threading
import time

import pytest

from harness import WAIT_SECONDS, Client, Service, clean_environment

BAR = re.compile(r"\r\[#* *\] \d+/\d+ records  \d+\.\d s  ")
CTRL_C = b"\x03"
LONGER_THAN_THE_BAR_WAITS = 1.1  # seconds; a locked log is waited for up to 5
RECORDS_PER_LOOK = 1000  # of an export: its bar moves no more often
VERBS = ["verify", "state", "export", "timeline"]


def streams(verb):
    """`timeline` prints as it goes, which a bar would tear: its lines go elsewhere."""
    return {"stdout": subprocess.DEVNULL} if verb == "timeline" else {}


class Terminal:
    """A program whose terminal this is; `shown` is all it has drawn. Use with `with`."""

    def __init__(self, command, **streams):
        self.ours, self.theirs = os.openpty()
        self.before = termios.tcgetattr(self.theirs)
        self.program = subprocess.Popen(
            [*map(str, command)], **{name: self.theirs for name in ("stdin", "stdout", "stderr")}
            | streams, env=clean_environment(), start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(2, termios.TIOCSCTTY, 0))
        self.drawn = b""
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        with contextlib.suppress(OSError):  # it is closed
            while piece := os.read(self.ours, 4096):
                self.drawn += piece

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.program.kill()
        self.program.wait()
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
        code = self.program.wait(WAIT_SECONDS)
        assert termios.tcgetattr(self.theirs) == self.before
        os.write(self.theirs, b"<end>")
        wait_for(lambda: self.shown.endswith("<end>"), self)
        self.drawn = self.drawn.removesuffix(b"<end>")
        return code


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


def wait_until_they_last(programs, log):
    """As long as a bar waits: each had begun to count, and taken the signals, before it opened the
    log."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not all(has_opened(program, log) for program in programs):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(LONGER_THAN_THE_BAR_WAITS)


@pytest.fixture(scope="module")
def data(request, tmp_path_factory):
    """The data directory of a service that has stopped."""
    service = Service(request.config.getoption("--program"),
                      tmp_path_factory.mktemp("data") / "data", log_partitions="1").start()

    async def talk():
        async with Client(service, "anna") as client:
            await client.wait_for_end(await client.say("m", "what is 17 * 23?"))

    try:
        asyncio.run(talk())
    finally:
        assert service.stop() == 0
    return service.data


@pytest.fixture
def command(request, data, tmp_path):
    def of(verb):
        words = [request.config.getoption("--program"), "replay", verb, "--data", str(data)]
        words += ["--user", "anna"] if verb != "verify" else []
        return words + (["--out", str(tmp_path / "out")] if verb == "export" else [])
    return of


@contextlib.contextmanager
def lasting(command, log, start):
    """One program a verb, as `start` makes it, each held up longer than the bar waits; and the
    function that lets them go on."""
    with contextlib.ExitStack() as stack:
        let_go = stack.enter_context(locked(log))
        made = {verb: stack.enter_context(start(command(verb), verb)) for verb in VERBS}
        wait_until_they_last([getattr(each, "program", each) for each in made.values()], log)
        yield made, let_go


def on_a_terminal(words, verb):
    return Terminal(words, **streams(verb))


def in_pipes(words, verb):
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=clean_environment())


def test_what_lasts_shows_a_bar_on_a_terminal(command, data):
    with lasting(command, data / "log.db", on_a_terminal) as (terminals, let_go):
        let_go()
        for terminal in terminals.values():
            assert terminal.end() == 0, terminal.shown
            assert BAR.match(terminal.shown), terminal.shown
            # The verdict used to stand behind the bar, on its line.
            assert BAR.sub("", terminal.shown).startswith("\r\n"), terminal.shown
            assert terminal.shown.endswith("\n")


def test_there_is_no_bar_in_a_pipe(command, data):
    with lasting(command, data / "log.db", in_pipes) as (programs, let_go):
        let_go()
        for verb, program in programs.items():
            printed, said = program.communicate(timeout=WAIT_SECONDS)
            assert program.returncode == 0, said
            assert "\r" not in printed + said
            assert re.fullmatch(r"\d+ events, .*\n" if verb == "export" else "", said)


def test_ctrl_c_ends_it_and_what_it_says_has_a_line_of_its_own(command, data, tmp_path):
    with lasting(command, data / "log.db", on_a_terminal) as (terminals, let_go):
        for terminal in terminals.values():
            terminal.type(CTRL_C)
            wait_for(lambda shown=terminal: "^C" in shown.shown, terminal)
        let_go()
        for verb, terminal in terminals.items():
            assert terminal.end() == 1, terminal.shown
            assert BAR.sub("", terminal.shown) == f"^C\r\nsignalbox replay {verb}: interrupted\r\n"
            assert BAR.search(terminal.shown)
    assert not list(tmp_path.iterdir())


def test_an_export_that_is_piped_slowly_shows_how_far_it_is_and_ends_by_ctrl_c(command, data,
                                                                             tmp_path):
    subprocess.run(command("export"), capture_output=True, timeout=WAIT_SECONDS, check=True)
    manifest, record = (tmp_path / "out").read_bytes().splitlines(keepends=True)[:2]
    words = [*command("verify")[:3], "--export", "-", "--key", data / "anchors" / "anchor.pub"]
    with Terminal(words, stdin=subprocess.PIPE) as terminal:
        piped = terminal.program.stdin
        piped.write(manifest)
        deadline = time.monotonic() + WAIT_SECONDS
        while len(BAR.findall(terminal.shown)) < 2:
            assert time.monotonic() < deadline, terminal.shown
            piped.write(record * RECORDS_PER_LOOK)
            piped.flush()
            time.sleep(0.3)
        assert terminal.program.poll() is None, terminal.shown
        terminal.type(CTRL_C)
        assert terminal.end() == 1, terminal.shown
        assert BAR.sub("", terminal.shown) == "^C\r\nsignalbox replay verify: interrupted\r\n"
        done = [int(count) for count in re.findall(r"\] (\d+)/", terminal.shown)]
        assert done == sorted(done) and done[-1] > done[0]

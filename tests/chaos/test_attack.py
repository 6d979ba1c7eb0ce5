"""An attack tells what its users, its faults and its watch found, and ends whatever it is left by."""
import argparse
import subprocess
import sys
import threading

import attack
import children
import pytest
import watch

ARGUMENTS = argparse.Namespace(backend="sqlite", seed=1, minutes=1)


class EndedPart:
    """It ended by itself, and comes back only when it is no longer asked to."""
    name, busy, pid, disk, restarts = "serve", False, 0, None, 0

    def __init__(self, over):
        self.over = over
        self.asked = threading.Event()
        self.service = argparse.Namespace(log_tail=lambda: "")
        self.was_told = None

    def ended(self):
        return 1

    def start(self):
        self.asked.set()
        self.was_told = self.over.wait(30)


class Deployment:
    def __init__(self):
        self.over = threading.Event()
        self.parts = {"serve": EndedPart(self.over)}

    def client_urls(self):
        return ""


@pytest.fixture(autouse=True)
def look_often(monkeypatch):
    monkeypatch.setattr(watch, "SAMPLE_SECONDS", 0.01)


@pytest.mark.parametrize("failure", [OSError, SystemExit])
def test_nothing_is_started_again_once_the_attack_is_left(tmp_path, monkeypatch, failure):
    """Whatever it is left by, and from the moment it is."""
    service = Deployment()
    part = service.parts["serve"]

    def fail(*_):
        assert part.asked.wait(30)
        raise failure("no client")

    monkeypatch.setattr(attack, "start_chat", fail)
    with pytest.raises(failure):
        attack.attack(ARGUMENTS, tmp_path, service, {})
    assert service.over.is_set() and part.was_told
    assert "watch" not in [thread.name for thread in threading.enumerate()]


def test_what_users_faults_and_watch_found_is_wrong(tmp_path, monkeypatch):
    service = Deployment()
    part = service.parts["serve"]

    def harm_once(_, __, harm, ___):
        assert part.asked.wait(30)
        harm.failures.append("serve after kill: no")
        harm.counts["kill"] = 3
        return ["client exit code 1"], 12.5

    monkeypatch.setattr(attack, "start_chat", lambda *_: children.start(["sleep", "60"]))
    monkeypatch.setattr(attack, "harm_until_the_end", harm_once)
    report = {}
    wrong, healed_at, leaks = attack.attack(ARGUMENTS, tmp_path, service, report)
    assert wrong == ["client exit code 1", "I6 serve after kill: no", "I20 serve ended with 1:\n",
                     "I16 never measured: process serve"]
    assert healed_at == 12.5 and leaks.before == {}
    assert report["faults"]["kill"] == 3 and report["ended by themselves"] == [("serve", 1)]


# ---- the users

def chat_that(folder, says, code):
    with open(folder / "chat.txt", "wb") as out:
        return subprocess.Popen([sys.executable, "-c", f"import sys; print({says!r}); sys.exit({code})"], stdout=out)


@pytest.mark.parametrize("says, code, found", [
    ("100 users", 0, []),
    ("a\nviolation: gap\nb\nviolation: ack", 1, ["client exit code 1: violation: gap / violation: ack"]),
    ("a\nb\nc\nd", 2, ["client exit code 2: b / c / d"])])
def test_what_the_users_say_is_told(tmp_path, says, code, found):
    assert attack.finish_chat(chat_that(tmp_path, says, code), tmp_path, 30) == found


def test_users_who_do_not_end_are_ended(tmp_path):
    (tmp_path / "chat.txt").write_text("", "utf-8")
    chat = children.start(["sleep", "600"])
    assert attack.finish_chat(chat, tmp_path, 0.1) == ["I6 the clients did not end within 0 s"]
    assert chat.returncode == -9

"""An attack on a service from its first start to the end of its users: they chat while it is harmed."""
import contextlib
import subprocess
import time

import checkers
import children
import nemesis
from harness import PLAYBOOK, clean_environment
from watch import Watch, look_at_all

QUIET_MAX = 15  # seconds without faults at the end of the chats, at most


def start_chat(arguments, folder, url):
    """The users; what they print goes to a file."""
    command = [arguments.program, "bench", "chat", "--url", url, "--conversations", str(PLAYBOOK),
               "--users", str(arguments.users), "--minutes", str(arguments.minutes), "--seed",
               str(arguments.seed), "--history", str(folder / "history.jsonl"), "--pause",
               "0ms" if arguments.hurry else "20ms"]
    if arguments.conversations:
        command += ["--limit", str(arguments.conversations)]
    with open(folder / "chat.txt", "wb") as out:
        return children.start(command, stdout=out, stderr=subprocess.STDOUT, env=clean_environment())


def finish_chat(chat, folder, limit):
    """Violations that the clients themselves named."""
    try:
        code = chat.wait(limit)
    except subprocess.TimeoutExpired:
        chat.kill()
        chat.wait()
        return [f"I6 the clients did not end within {limit:.0f} s"]
    if code == 0:
        return []
    said = (folder / "chat.txt").read_text("utf-8", "replace").splitlines()
    named = [line for line in said if line.startswith("violation: ")] or said[-3:]
    return [f"client exit code {code}: " + " / ".join(named)]


def harm_until_the_end(arguments, folder, harm, chat):
    """What the clients found, and when the faults were over."""
    began = time.monotonic()
    seconds = arguments.minutes * 60
    time.sleep(min(2.0, seconds / 10))
    healed_at = harm.run(began + seconds - min(QUIET_MAX, seconds / 4), lambda: chat.poll() is None)
    return finish_chat(chat, folder, max(0.0, began + seconds - time.monotonic())
                       + 2 * arguments.liveness_seconds), healed_at


def attack(arguments, folder, service, report):
    """Plays with a service that has been started, and harms it; what is wrong so far, when the faults were over,
    and what was open before it all."""
    leaks = checkers.NothingLeaks(None)
    leaks.before = look_at_all(service)
    kinds = nemesis.OF_CLUSTERS if arguments.backend == "kafka" else nemesis.OF_ONE_PROCESS
    with contextlib.ExitStack() as at_end:
        harm = nemesis.Nemesis(service, arguments.seed, at_end.enter_context(
            open(folder / "faults.jsonl", "w", encoding="utf-8")), kinds)
        at_end.callback(harm.rest)
        watch = at_end.enter_context(Watch(service))
        chat = start_chat(arguments, folder, service.client_urls())
        at_end.callback(chat.wait)
        at_end.callback(chat.kill)
        wrong, healed_at = harm_until_the_end(arguments, folder, harm, chat)
    report["faults"] = harm.counts
    report["bytes that power cuts took back"] = sum(part.disk.lost for part in service.parts.values() if part.disk)
    report["ended by themselves"] = watch.ended
    report["starts tried again"] = sum(part.restarts for part in service.parts.values())
    report["most memory, MiB, and files"] = {name: [most[0] >> 20, most[1]]
                                             for name, most in sorted(watch.memory.most.items())}
    watch.memory.expect(name for name in service.parts if not name.startswith("guest"))
    wrong += [f"I6 {failure}" for failure in harm.failures] + watch.crashes + watch.memory.found
    return wrong, healed_at, leaks

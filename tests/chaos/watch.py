"""Looks at the processes under attack: what they hold, and whether one ends though nobody ended it."""
import collections
import contextlib
import os
import pathlib
import threading

import checkers
import deployment

SAMPLE_SECONDS = 0.5
BYTES_MAX = 1 << 30
FILES_MAX = 4096


def measure(part):
    """Memory in bytes and open files of its process; None where there is none."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        folder = pathlib.Path(f"/proc/{part.pid}")
        return {"rss": int((folder / "statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE"),
                "files": len(os.listdir(folder / "fd"))}
    return None


def look_at_open(part):
    """Its open files by what they are, its threads by their names; None where there is no process."""
    folder = pathlib.Path(f"/proc/{part.pid}")
    found = {"files": collections.Counter(), "threads": collections.Counter()}
    with contextlib.suppress(OSError):
        for file in (folder / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                found["files"][os.readlink(file).partition(":")[0]] += 1
        for thread in (folder / "task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found["threads"][(thread / "comm").read_text("utf-8").strip()] += 1
        return found
    return None


def look_at_all(service):
    """By name, of those that run."""
    return {name: found for name, part in service.parts.items() if (found := look_at_open(part))}


class Watch:
    """Samples memory and open files of every process, and starts again what ended by itself; when it is left,
    nobody starts anything any more."""

    def __init__(self, service):
        self.service = service
        self.memory = checkers.MemoryIsBounded(None, BYTES_MAX, FILES_MAX)
        self.ended = []  # (name, exit code)
        self.crashes = []
        self.thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *failure):
        self.service.over.set()
        self.thread.join()

    def _run(self):
        while not self.service.over.wait(SAMPLE_SECONDS):
            for part in list(self.service.parts.values()):
                self._sample(part)
                if not part.busy and not part.name.startswith("guest") and part.ended() is not None:
                    self._restart(part)

    def _restart(self, part):
        code = part.ended()
        self.ended.append((part.name, code))
        if code != deployment.TRY_AGAIN:
            self.crashes.append(f"I20 {part.name} ended with {code}:\n{part.service.log_tail()}")
        part.busy = True
        try:
            part.start()
        except Exception as failed:  # whatever it was, the others are to be watched
            self.crashes.append(f"I6 {part.name} did not come back: {failed!r}")
        part.busy = False

    def _sample(self, part):
        sample = measure(part)
        if sample:
            self.memory.sample({"process": part.name} | sample)

"""Processes that end at the latest with the one that started them, also where that one is killed."""
import concurrent.futures
import subprocess

# The system ends such a child with the thread that made it, so one thread makes them all: it lives for as
# long as this process, while those that ask may be of a fault, or of a loop that is over.
_MAKER = concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix="children")


def start(command, **options):
    """As subprocess.Popen."""
    whole = ["setpriv", "--pdeathsig", "KILL", *map(str, command)]
    return _MAKER.submit(subprocess.Popen, whole, **options).result()

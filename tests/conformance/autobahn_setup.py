"""Makes a virtual environment that holds the Autobahn WebSocket test suite, for Python 3.

    autobahn_setup.py FOLDER      a new folder, or one that an earlier version of this file made

The suite (autobahntestsuite 25.10.1 with autobahn 0.10.9) is written for Python 2. Its two source
distributions come from the package index, pinned by hash, and are converted: lib2to3, then EDITS,
then SHIM. The cases are not rewritten. The idea: a Python 2 byte string stays a `str` whose code
points are the octets (Latin-1); SHIM turns it into `bytes` where the suite calls the WebSocket
library, and back where it is called.

Exit code 77, with the reason: the package index is not to be had. Another hash or a conversion that
does not fit is a failure.
"""
import glob
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import warnings

SDISTS = """\
autobahntestsuite==25.10.1 --hash=sha256:b083d6e15330fc16f3e5f0975cce2b15f21bfa0c6db09547316b1852c6dbd6df
autobahn==0.10.9 --hash=sha256:3fecc1e2a26a0421128ddcfb4e577f0bc669dd65d0e0fdad1c773965cbcef75a
"""
WHEELS = [
    "twisted==24.11.0", "txaio==23.1.1", "six==1.17.0", "wsaccel==0.6.7",
    "setuptools==75.8.0",  # for pkg_resources
    # what these need
    "attrs==24.3.0", "automat==24.8.1", "constantly==23.10.4", "hyperlink==21.0.0", "idna==3.10",
    "incremental==24.7.2", "typing-extensions==4.12.2", "zope.interface==7.2",
]
SUITE_FILES = ["_version.py", "caseset.py", "choosereactor.py", "fuzzing.py", "report.py",
               "case", "testdata"]
CASES = 517  # in the whole suite

SHIM = '''\
"""Python 2 byte strings as Latin-1 `str`."""
import binascii


def octets(s):
    return s.encode("latin-1") if isinstance(s, str) else s


def text(s):
    return s.decode("latin-1") if isinstance(s, bytes) else s


def b2a_hex(s):
    return binascii.b2a_hex(octets(s)).decode()


hexlify = b2a_hex


class Outgoing:
    """Goes before the WebSocket protocol class."""

    def sendFrame(self, opcode, payload=b"", *args, **kw):
        return super().sendFrame(opcode, octets(payload), *args, **kw)

    def sendMessage(self, payload, *args, **kw):
        return super().sendMessage(octets(payload), *args, **kw)

    def sendMessageFrameData(self, payload, *args, **kw):
        return super().sendMessageFrameData(octets(payload), *args, **kw)

    def sendCloseFrame(self, code=None, reasonUtf8=None, isReply=False):
        super().sendCloseFrame(code, octets(reasonUtf8), isReply)
        self.localCloseReason = text(self.localCloseReason)
'''

SUITE = "autobahntestsuite/"
# (files, regular expression, replacement, how often it must match); after lib2to3
EDITS = [
    # true division
    ("autobahn/websocket/protocol.py", r"range\(payload_len / len", "range(payload_len // len", 1),
    (SUITE + "case/case10_1_1.py", r"\) / self", ") // self", 1),
    # the class Case is an object already
    (SUITE + "case/*.py", r"\(object, Case, \)", "(Case, )", 6),
    # octets out, octets in
    (SUITE + "fuzzing.py", r"class FuzzingProtocol:", "class FuzzingProtocol(Outgoing):", 1),
    (SUITE + "fuzzing.py", r"runCase\.onMessage\(msg,", "runCase.onMessage(text(msg),", 1),
    (SUITE + "fuzzing.py", r"runCase\.onPong\(payload\)", "runCase.onPong(text(payload))", 1),
    (SUITE + "fuzzing.py", r"\nimport os, json, binascii,",
     "\nfrom .shim import Outgoing, octets, text, b2a_hex\nimport os, json,", 1),
    (SUITE + "fuzzing.py", r"self\.(http_(?:request|response)_data) if", r"text(self.\1) if", 2),
    (SUITE + "fuzzing.py", r"''\.join\(payload\)", "text(b''.join(payload))", 1),
    (SUITE + "fuzzing.py", r"return dd\.decode\('utf8'", "return octets(dd).decode('utf8'", 1),
    (SUITE + "fuzzing.py", r"(maxlen = 64.*\):\n   ellipses = \" \.\.\.\"\n)",
     r"\1   data = text(data)\n", 2),
    (SUITE + "fuzzing.py", r"binascii\.b2a_hex\(t\[6\]\)", "t[6]", 1),
    (SUITE + "fuzzing.py", r"binascii\.b2a_hex", "b2a_hex", 4),
    (SUITE + "fuzzing.py", r"\.encode\([\"']utf-?8[\"']\)", "", 2),
    (SUITE + "case/case[67]_*.py", r"import binascii", "from .. import shim as binascii", 13),
    (SUITE + "case/case6_x_x.py", r"v\.validate\(vss\[:i\]\)",
     "v.validate(binascii.octets(vss[:i]))", 1),
    (SUITE + "case/case12_x_x.py", r", binascii\n", "\nfrom .. import shim as binascii\n", 1),
    (SUITE + "case/case12_x_x.py", r"(def onMessage.*\n)", r"\1   msg = binascii.octets(msg)\n", 1),
    # only the styles of report.py are used
    (SUITE + "report.py", r"import jinja2\n", "", 1),
    (SUITE + "report.py", r"(?s)from zope\.interface import.*", "", 1),
    # only wss:// would need it
    (SUITE + "fuzzing.py", r"import reactor, ssl\n", "import reactor\n", 1),
    (SUITE + "fuzzing.py", r"ssl\.ClientContextFactory\(\)", "None", 1),
    # the suite does not run it, and its import fails
    (SUITE + "case/__init__.py", r"from \.case9_9_1 import .*\n", "", 1),
]


def refactor(site):
    """Python 2 to 3, as far as lib2to3 takes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from lib2to3 import refactor as lib2to3
    tool = lib2to3.RefactoringTool(lib2to3.get_fixers_from_package("lib2to3.fixes"))
    for path in site.glob("autobahntestsuite/**/*.py"):
        source = path.read_bytes().replace(b"\r\n", b"\n")
        # a non-ASCII character in a Python 2 literal stands for its octets
        source = re.sub(rb"[\x80-\xff]", lambda m: b"\\x%02x" % m[0][0], source).decode("ascii")
        path.write_text(str(tool.refactor_string(source + "\n", str(path))), "ascii")


def edit(site):
    for pattern, regex, replacement, expected in EDITS:
        total = 0
        for path in map(pathlib.Path, glob.glob(str(site / pattern))):
            source, count = re.subn(regex, replacement, path.read_text("utf-8"))
            path.write_text(source, "utf-8")
            total += count
        if total != expected:
            sys.exit(f"{regex} in {pattern}: {total} matches, not {expected}")


def fetch(command):
    """Runs a pip command that needs the package index."""
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    sys.stderr.write(done.stderr)
    if done.returncode == 0:
        return
    if "HASH" in done.stderr.upper():
        sys.exit("what the package index has is not what is pinned")
    last = (done.stderr.strip().splitlines() or ["no reason told"])[-1]
    print(f"SKIPPED: the package index is not to be had: {last}")
    sys.exit(77)


def unpack(pip, site):
    """The suite's own files, as they were written, into the environment."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "sdists.txt").write_text(SDISTS)
        fetch([*pip, "download", "--no-deps", "--no-binary", ":all:", "--require-hashes",
               "--no-build-isolation", "-d", str(folder), "-r", str(folder / "sdists.txt")])
        for sdist in folder.glob("*.tar.gz"):
            with tarfile.open(sdist) as tar:
                tar.extractall(folder)
        shutil.copytree(next(folder.glob("autobahn-*/autobahn")), site / "autobahn")
        suite = next(folder.glob("autobahntestsuite-*/autobahntestsuite"))
        (site / "autobahntestsuite").mkdir()
        for name in SUITE_FILES:
            copy = shutil.copytree if (suite / name).is_dir() else shutil.copy
            copy(suite / name, site / "autobahntestsuite" / name)


def make(folder):
    """Makes the environment, unless this very file made it already."""
    folder = pathlib.Path(folder).absolute()
    made_by = hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest()
    stamp = folder / "made_by"
    if stamp.exists() and stamp.read_text() == made_by:
        return
    shutil.rmtree(folder, ignore_errors=True)
    python = folder / "bin" / "python"
    venv.create(folder, with_pip=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "-q"]
    fetch([*pip, "install", "--no-deps", "--only-binary", ":all:", *WHEELS])
    site = pathlib.Path(subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        text=True).strip())
    unpack(pip, site)
    (site / "autobahntestsuite" / "__init__.py").write_text(
        "from ._version import __version__\nversion = __version__\nfrom . import choosereactor\n")
    refactor(site)
    edit(site)
    (site / "autobahntestsuite" / "shim.py").write_text(SHIM)
    subprocess.check_call([python, "-W", "ignore", "-c", "import txaio; txaio.use_twisted();"
                           "from autobahntestsuite.fuzzing import Cases;"
                           f"assert len(Cases) == {CASES}, len(Cases)"])
    stamp.write_text(made_by)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    make(sys.argv[1])

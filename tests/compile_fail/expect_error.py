"""A source that must not compile, and why: `expect_error.py SOURCE ROOT COMPILER...`.

Each source holds a correct use and, under SIGNALBOX_BROKEN, the mistake. Its first lines name the
message to be seen: `// expect: REGULAR EXPRESSION`, in one line and the last of them. The test
passes when the source compiles without the mistake, and with it does not, with that message.
"""
import os
import re
import subprocess
import sys
from pathlib import Path


def expectation(text):
    """The regular expression that the source names, and what is wrong with how it does."""
    found = re.search(r"^// expect: (.+)$\n?(.*)", text, re.MULTILINE)
    if not found:
        return None, "it has no line `// expect: REGULAR EXPRESSION`"
    expected, after = found[1], found[2]
    try:
        re.compile(expected)
    except re.error as error:
        return None, f"{expected!r} is no regular expression: {error}"
    if re.search(r"((?<!\\)\||\s)$", expected):
        return None, f"{expected!r} ends where more should follow"
    if after.startswith("//"):
        return None, f"{expected!r} seems to go on in the next line, {after!r}"
    return expected, None


def compile_source(source, root, compiler, *flags):
    command = [*compiler, "-std=c++20", "-fsyntax-only", f"-I{root}", *flags, source]
    return subprocess.run(command, capture_output=True, text=True, check=False,
                          env={**os.environ, "LC_ALL": "C"})


def main():
    source, root, *compiler = sys.argv[1:]
    expected, fault = expectation(Path(source).read_text("utf-8"))
    if fault:
        print(fault)
        return 1
    control = compile_source(source, root, compiler)
    if control.returncode != 0:
        print(f"the correct use does not compile:\n{control.stderr}")
        return 1
    broken = compile_source(source, root, compiler, "-DSIGNALBOX_BROKEN")
    if broken.returncode == 0:
        print("the mistake compiles")
        return 1
    if not re.search(expected, broken.stderr):
        print(f"refused, but without {expected!r}:\n{broken.stderr}")
        return 1
    print(f"compiles as it should, and refuses the mistake with {expected!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

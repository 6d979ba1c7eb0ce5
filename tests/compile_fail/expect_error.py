"""A source that must not compile, and why: `expect_error.py SOURCE ROOT COMPILER...`.

Each source holds a correct use and, under SIGNALBOX_BROKEN, the mistake. Its first lines name the
message to be seen: `// expect: REGULAR EXPRESSION`. The test passes when the source compiles
without the mistake, and with it does not, with that message.
"""
import os
import re
import subprocess
import sys
from pathlib import Path


def compile_source(source, root, compiler, *flags):
    command = [*compiler, "-std=c++20", "-fsyntax-only", f"-I{root}", *flags, source]
    return subprocess.run(command, capture_output=True, text=True, check=False,
                          env={**os.environ, "LC_ALL": "C"})


def main():
    source, root, *compiler = sys.argv[1:]
    expected = re.search(r"^// expect: (.+)$", Path(source).read_text("utf-8"), re.MULTILINE)[1]
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

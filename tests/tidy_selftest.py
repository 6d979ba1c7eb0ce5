"""Shows that tests/tidy_test.py can fail: breaks a clean little tree once per rule."""
import sys
import tempfile
from pathlib import Path

import tidy_test

CLEAN = {
    "README.md": "a tree\n",
    "event-store/model/ids.hpp": "// Ids.\n#pragma once\n#include <string>\n",
    "event-store/model/ids.cpp":
        '#include "event-store/model/ids.hpp"\n\n#include <tl/expected.hpp>\n',
    "event-store/log/log.cpp":
        '#include <sqlite3.h>\n\n#include "event-store/model/ids.hpp"\n',
    "gateway/websocket_server.cpp": "#include <websocketpp/server.hpp>\n",
    "router/router.cpp":
        'namespace a {\nstruct B { int c = 1\'000; };\nconst char* const kText = "{{{";\n'
        "int f(int x) {\n  if (x) { return 1; }\n  return '{';\n}\n}  // namespace a {\n",
    "tests/long.py": "A = 1\n" * 600,
}

BODY = "  g();\n"
# What is broken -> (file, its text, what the violation must say).
BROKEN = {
    "top level": ("notes.txt", "x\n", "notes.txt: a new top-level entry"),
    "gateway knows router": ("gateway/a.cpp", '#include "router/router.hpp"\n',
                             "gateway/a.cpp:1: router/router.hpp is beyond the arrows"),
    "router knows gateway": ("router/a.cpp", '\n#include "gateway/auth.hpp"\n',
                             "router/a.cpp:2: gateway/auth.hpp is beyond the arrows"),
    "model knows log": ("event-store/model/a.cpp", '#include "event-store/log/event_log.hpp"\n',
                        "event-store/log/event_log.hpp is beyond the arrows"),
    "log knows archive": ("event-store/log/a.cpp", '#include "event-store/archive/x.hpp"\n',
                          "event-store/archive/x.hpp is beyond the arrows"),
    "bench knows gateway": ("ops/bench/a.cpp", '#include "gateway/auth.hpp"\n',
                            "gateway/auth.hpp is beyond the arrows"),
    "not from the root": ("router/b.cpp", '#include "router.hpp"\n', "not included from the root"),
    "model uses a library": ("event-store/model/b.cpp", "#include <nlohmann/json.hpp>\n",
                             "not nlohmann/json.hpp"),
    "sqlite elsewhere": ("router/c.cpp", "#include <sqlite3.h>\n", "sqlite3.h may be included"),
    "kafka elsewhere": ("gateway/c.cpp", "#include <librdkafka/rdkafka.h>\n",
                        "librdkafka/rdkafka.h may be included"),
    "websocketpp elsewhere": ("gateway/hub.cpp", "#include <websocketpp/server.hpp>\n",
                              "websocketpp/server.hpp may be included"),
    "second path to a socket": ("ops/cli/shortcut.cpp", '#include "gateway/hub.hpp"\n',
                                "gateway/hub.hpp may be included"),
    "no comment": ("router/d.hpp", "#pragma once\n", "begins with a comment"),
    "no pragma once": ("router/e.hpp", "// E.\n", "#pragma once is missing"),
    "own header later": ("event-store/model/ids.cpp",
                         '#include <string>\n#include "event-store/model/ids.hpp"\n',
                         "its own header comes first"),
    "utility file": ("router/utils.cpp", "\n", "there are no utility files"),
    "file name": ("router/PartitionWorker.cpp", "\n", "snake_case"),
    "glob": ("router/CMakeLists.txt", "file(GLOB sources *.cpp)\n", "listed, not found"),
    "long file": ("router/f.cpp", "int a;\n" * 501, "501 lines, the limit is 500"),
    "long function": ("router/g.cpp", "int f() {\n" + BODY * 69 + "}\n", "function of 71 lines"),
    "long method": ("router/h.hpp", "// H.\n#pragma once\nnamespace a {\ntemplate <class T>\n"
                    "class H : public I<T> {\n public:\n  explicit H(int a) : a_{a} {}\n"
                    "  void f() const {\n" + BODY * 69 + "  }\n  int a_;\n};\n}\n",
                    "router/h.hpp:8: function of 71 lines"),
    "long constructor": ("router/k.cpp", "K::K(int a, B b)\n    : a_{a}, b_(b) {\n" + BODY * 69
                         + "}\n", "function of 72 lines"),
    "long lambda inside": ("router/l.cpp", "void f() {\n  auto g = [] {\n" + BODY * 68
                           + "  };\n}\n", "function of 72 lines"),
    "long python function": ("ops/m.py", "def f():\n" + "    g()\n" * 70, "function of 71 lines"),
    "machine path": ("router/n.cpp", "// see /" + "work/main\n", "router/n.cpp:1: path of"),
    "unfinished": ("router/o.cpp", "// TO" + "DO\n", "router/o.cpp:1: unfinished work"),
}


def violations_of(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            file = Path(root, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
        return tidy_test.violations(root)


def main():
    wrong = [f"clean tree: {line}" for line in violations_of(CLEAN)]
    for name, (path, text, expected) in BROKEN.items():
        found = violations_of({**CLEAN, path: text})
        if not any(expected in line for line in found):
            wrong.append(f"{name}: nothing said {expected!r}, only {found}")
        if len(found) != 1:
            wrong.append(f"{name}: one violation expected, found {found}")
    for line in wrong:
        print(line)
    print(f"{len(BROKEN)} broken trees, {len(wrong)} surprises")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

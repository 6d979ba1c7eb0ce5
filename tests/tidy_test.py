"""Checks of the source tree that no compiler makes: `tidy_test.py ROOT`.

Who may include whom, what stands at the top level, where the third-party headers are confined,
sizes of files and functions, comments and own headers first, paths of somebody's machine. Every
rule is a function from the tree to violations; tests/tidy_selftest.py breaks each of them once.
Exit code 0 when the tree is clean, else 1 with one line per violation.
"""
import ast
import os
import re
import sys
from pathlib import Path

TOP_LEVEL = {
    "CMakeLists.txt", "CMakePresets.json", "README.md", "ARCHITECTURE.md", "LICENSE",
    "gateway", "router", "event-store", "replay", "tests", "ops",
}
# Made by building and running here, never committed (.gitignore).
NOT_SOURCES = {".git", "build", "signalbox-data", "node_modules", "__pycache__", ".pytest_cache"}

# Folder (the longest prefix counts) -> folders, or single headers, it may include.
ARROWS = {
    "event-store/model": ["event-store/model"],
    "event-store/contract": ["event-store/model", "event-store/contract"],
    "event-store/sqlite": ["event-store/model", "event-store/sqlite"],
    "event-store/curl": ["event-store/curl"],
    "event-store/kafka": ["event-store/model", "event-store/contract", "event-store/kafka"],
    "event-store/log": ["event-store/model", "event-store/contract", "event-store/sqlite",
                        "event-store/kafka", "event-store/log"],
    "event-store/snapshot": ["event-store/model", "event-store/contract", "event-store/sqlite",
                             "event-store/log",
                             "event-store/snapshot"],
    "event-store/archive": ["event-store/model", "event-store/contract", "event-store/sqlite",
                            "event-store/log", "event-store/archive"],
    "router": ["event-store", "router"],
    "gateway": ["event-store", "gateway"],
    "replay": ["event-store", "router", "replay"],
    "ops/client": ["event-store/model", "ops/client"],
    "ops/watch": ["event-store/model", "ops/client", "ops/watch"],
    "ops/bench": ["event-store", "replay", "ops/bench", "ops/client", "ops/cli/progress_bar.hpp",
                  "ops/cli/role_thread.hpp", "ops/cli/system_clock.hpp"],
    "ops/doctor": ["event-store", "gateway", "replay", "router/agents/default_agents.hpp",
                   "ops/doctor"],
    "ops/cli": ["event-store", "router", "gateway", "replay", "ops/cli", "ops/bench", "ops/client",
                "ops/doctor", "ops/watch"],
    "ops/examples": ["event-store/model", "router", "ops/cli/program.hpp", "ops/examples"],
    "tests": ["event-store", "router", "gateway", "replay", "ops", "tests"],
}
OURS = ("event-store/", "router/", "gateway/", "replay/", "ops/", "tests/")

# Header -> where it may be included.
CONFINED = {
    r"sqlite3\.h": r"^(event-store|tests)/",
    r"librdkafka/|rdkafka\.h": r"^(event-store|tests)/",
    # The peer is what the gateway's figures stand beside: the library and nothing of ours.
    r"websocketpp/": r"^(gateway/websocket_(server\.cpp|transport\.hpp)|ops/bench/bare_peer\.cpp"
                     r"|tests/fuzz/websocket_fuzz\.cpp)$",
    # No second path to a user's socket: whoever is not the gateway states facts through an emitter,
    # and the gateway reads them from the log.
    r"gateway/(client_link|hub|socket_link|session|feed|partition_feed)\.hpp": r"^(gateway|tests/(gateway|simulation))/",
}
# All that event-store/model may include beside itself.
MODEL_LIBRARIES = re.compile(r"^([a-z_]+|tl/expected\.hpp)$")

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
CODE_SUFFIXES = {".hpp", ".cpp", ".py", ".sh", ".js", ".html", ".css", ".cmake"}

# Spelled in two parts so that this file does not break its own rule.
FORBIDDEN = [
    (re.compile(r"(?<![\w.])/(work|home|root|Users)" + r"/"), "path of somebody's machine"),
    (re.compile(r"\.\./" + "shared"), "path of somebody's machine"),
    (re.compile(r"\b(TO" + "DO|FIX" + r"ME|XX" + r"X)\b"), "unfinished work"),
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


class Tree:
    """The files of one source tree, read once; paths are relative with forward slashes."""

    def __init__(self, root):
        self.root = Path(root)
        self.texts = {}
        for folder, folders, files in os.walk(self.root):
            folders[:] = sorted(name for name in folders if name not in NOT_SOURCES)
            for name in sorted(set(files) - NOT_SOURCES):  # `.git` of a worktree is a file
                path = Path(folder, name)
                try:
                    self.texts[path.relative_to(self.root).as_posix()] = path.read_text("utf-8")
                except UnicodeDecodeError:
                    pass  # binary: nothing to read in it

    def sources(self):
        """(path, text) of every C++ file."""
        return [(p, t) for p, t in self.texts.items() if p.endswith((".hpp", ".cpp"))]


def includes(text):
    """(line, is_ours_style, header) of every #include."""
    for found in INCLUDE.finditer(text):
        yield text.count("\n", 0, found.start()) + 1, found.group(1) == '"', found.group(2)


def check_top_level(tree):
    for name in sorted({path.split("/")[0] for path in tree.texts}):
        if name not in TOP_LEVEL and not name.startswith("."):
            yield f"{name}: a new top-level entry needs a decision record"


def allowed_folders(path):
    folders = [folder for folder in ARROWS if path.startswith(folder + "/")]
    return ARROWS[max(folders, key=len)] if folders else None


def check_arrows(tree):
    for path, text in tree.sources():
        allowed = allowed_folders(path)
        for line, quoted, header in includes(text):
            if not header.startswith(OURS):
                if quoted and allowed is not None:
                    yield f'{path}:{line}: "{header}" is not included from the root'
            elif allowed is None:
                yield f"{path}:{line}: no arrow is drawn for this folder"
            elif not any((header + "/").startswith(folder + "/") for folder in allowed):
                yield f"{path}:{line}: {header} is beyond the arrows of this folder"


def check_model_libraries(tree):
    for path, text in tree.sources():
        if not path.startswith("event-store/model/"):
            continue
        for line, _, header in includes(text):
            if not header.startswith(OURS) and not MODEL_LIBRARIES.match(header):
                yield f"{path}:{line}: event-store/model knows only the standard library " \
                      f"and tl/expected.hpp, not {header}"


def check_confinement(tree):
    for path, text in tree.sources():
        for line, _, header in includes(text):
            for pattern, where in CONFINED.items():
                if re.match(pattern, header) and not re.match(where, path):
                    yield f"{path}:{line}: {header} may be included only in {where}"


def check_headers(tree):
    for path, text in tree.texts.items():
        if path.endswith(".hpp"):
            if not text.startswith("//"):
                yield f"{path}:1: a header begins with a comment that says what it is"
            if not re.search(r"^#pragma once$", text, re.MULTILINE):
                yield f"{path}:1: #pragma once is missing"
        if path.endswith(".cpp"):
            own = path[:-4] + ".hpp"
            first = next(includes(text), None)
            if own in tree.texts and (first is None or first[2] != own):
                yield f"{path}:{first[0] if first else 1}: its own header comes first"


def check_names(tree):
    for path in tree.texts:
        name = path.rsplit("/", 1)[-1]
        if re.match(r"^utils?\b", name):
            yield f"{path}: there are no utility files; a function lives beside its first user"
        if name.endswith((".hpp", ".cpp")) and not re.match(r"^[a-z0-9_]+\.[hc]pp$", name):
            yield f"{path}: file names are snake_case"


def check_cmake(tree):
    for path, text in tree.texts.items():
        if path.endswith("CMakeLists.txt") and re.search(r"\bfile\s*\(\s*GLOB", text):
            yield f"{path}: sources are listed, not found by a pattern"


def is_code(path, text):
    return Path(path).suffix in CODE_SUFFIXES or text.startswith("#!")


def check_file_sizes(tree):
    for path, text in tree.texts.items():
        lines = text.count("\n")
        if is_code(path, text) and not path.startswith("tests/") and lines > FILE_LINES_MAX:
            yield f"{path}: {lines} lines, the limit is {FILE_LINES_MAX}"


def check_words(tree):
    for path, text in tree.texts.items():
        for number, line in enumerate(text.split("\n"), 1):
            for pattern, meaning in FORBIDDEN:
                if pattern.search(line):
                    yield f"{path}:{number}: {meaning}: {line.strip()[:80]}"


# ---- lengths of functions

# What hides braces: comments, raw strings, strings, characters (not the ' of 1'000), directives.
HIDDEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|\bu?8?R"(?P<tag>[^(\s]*)\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.DOTALL | re.MULTILINE)
CONTAINER = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")


def without_hidden(text):
    """The same text with everything that may hide a brace blanked, line breaks kept."""
    return HIDDEN.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def opens_container(head):
    """Whether the text before a brace begins a namespace or a type, not a function or a value."""
    head = re.sub(r"<[^<>;{}]*>|\balignas\s*\([^()]*\)|\[\[[^\]]*\]\]", " ", head)
    return bool(CONTAINER.search(head)) and "(" not in head and "=" not in head


def cpp_functions(text):
    """(first line, last line) of every function body at namespace or class level."""
    text = without_hidden(text)
    stack, head_start = [], 0  # of each open brace: whether it is a container, where it began
    for at, char in enumerate(text):
        if char == "{":
            head = text[head_start:at]
            container = opens_container(head)
            begin = head_start + len(head) - len(head.lstrip())
            stack.append((container, begin, "(" in head))
            if container:
                head_start = at + 1
        elif char == "}" and stack:
            container, begin, is_function = stack.pop()
            outermost = all(inside for inside, _, _ in stack)
            if outermost and not container and re.match(r"\s*[,{)]", text[at + 1:at + 200]):
                continue  # a member initialiser or default argument: the head goes on
            if not container and outermost and is_function:
                yield text.count("\n", 0, begin) + 1, text.count("\n", 0, at) + 1
            if container or outermost:
                head_start = at + 1
        elif char == ";" and all(inside for inside, _, _ in stack):
            head_start = at + 1


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno


def check_function_sizes(tree):
    for path, text in tree.texts.items():
        if path.endswith((".hpp", ".cpp")):
            functions = cpp_functions(text)
        elif path.endswith(".py"):
            functions = python_functions(text)
        else:
            continue
        for first, last in functions:
            if last - first + 1 > FUNCTION_LINES_MAX:
                yield f"{path}:{first}: function of {last - first + 1} lines, " \
                      f"the limit is {FUNCTION_LINES_MAX}"


RULES = [check_top_level, check_arrows, check_model_libraries, check_confinement, check_headers,
         check_names, check_cmake, check_file_sizes, check_function_sizes, check_words]


def violations(root):
    tree = Tree(root)
    return [found for rule in RULES for found in rule(tree)]


def main():
    found = violations(sys.argv[1])
    for line in found:
        print(line)
    print(f"{len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

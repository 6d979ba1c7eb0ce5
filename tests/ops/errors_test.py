"""Checks the table of errors: `errors_test.py PROGRAM ROOT`.

ops/errors.md is what `signalbox contract errors` prints, and every code or sentence of an error
that the sources can bring about has a row in it. Exit code 0 when it is so, else 1 with one line
per thing that is missing.
"""
import pathlib
import re
import subprocess
import sys

ENUMS = {"event-store/model/result.hpp": ["Errc"],
         "event-store/model/event.hpp": ["FailureCode", "RejectCode", "CancelRejectCode",
                                         "InputRejectCode"],
         "gateway/close_codes.hpp": ["CloseCode"],
         "replay/findings.hpp": ["DamageKind"]}
HTTP_SOURCES = ("event-store", "gateway", "replay")
# How the pages bring a sentence in front of somebody.
PAGE_CALLS = re.compile(
    r"""(?:fault\(|leave\(|\.to\(|[eE]rror\((?:[\d\w.?]+,\s*'\w*',\s*)?|fault\s*=\s*|_fault'\),\s*"""
    r"""|banner_text'\),\s*|reason:\s*|failed:\s*\(v\)\s*=>\s*|rejected:\s*\(v\)\s*=>\s*"""
    r"""|plain\(|'fault'\},\s*|const why = |const message = |const kNoRole = |const kUnkept = |const kDamaged = """
    r"""|\$\('found'\),\s*"""
    r"""|=== 'token_invalid' \?\s*)"""
    # To the end of the statement, which is no semicolon within a text.
    r"""((?:'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|[^;'`])*)""")
LITERAL = re.compile(r"'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`")
CLOSED = re.compile(r"kClosed\s*=\s*\{(.*?)\};", re.DOTALL)


def enumerators(text, name):
    body = re.search(rf"enum class {name}\b[^{{]*\{{(.*?)\}};", text, re.DOTALL).group(1)
    return re.findall(r"^\s*(\w+)\s*(?:=[^,]*)?,?", re.sub(r"//[^\n]*", "", body).replace(",", ",\n"),
                      re.MULTILINE)


def codes_missing(root, table):
    for path, names in ENUMS.items():
        text = (root / path).read_text("utf-8")
        for name in names:
            for code in enumerators(text, name):
                if not re.search(rf"^\| (\d+ )?`{code}` \|", table, re.MULTILINE):
                    yield f"{path}: {name}::{code} has no row"


def exit_codes_missing(root, table):
    text = (root / "ops/cli/exit_code.hpp").read_text("utf-8")
    for name, number in re.findall(r"constexpr int (\w+) = (\d+);", text):
        if not re.search(rf"^\| {number} \|", table, re.MULTILINE):
            yield f"ops/cli/exit_code.hpp: {name} = {number} has no row"


def http_errors_missing(root, table):
    """Every status and code that a source answers with."""
    for folder in HTTP_SOURCES:
        for path in sorted((root / folder).rglob("*.cpp")):
            text = path.read_text("utf-8")
            found = re.findall(r'(?:http_error|come_back)\(\s*(\d{3}),\s*"(\w+)"', text)
            found += [(status, "protocol" if status == "426" else "bad_request")
                      for status in re.findall(r"HeadFault\{(\d{3}),", text)]
            found += [("503", code)
                      for code in re.findall(r'(?:come_back|unavailable)\(\s*"(\w+)"', text)]
            for status, code in found:
                if not re.search(rf"^\| {status} `{code}` \|", table, re.MULTILINE):
                    yield f"{path.relative_to(root)}: HTTP {status} {code} has no row"


def sentences(root):
    """What the pages can say of an error, with … for what is put in."""
    for path in sorted((root / "gateway/web").glob("*.js")):
        text = re.sub(r"^\s*(\*|/\*\*).*$", "", path.read_text("utf-8"), flags=re.MULTILINE)
        parts = [call.group(1) for call in PAGE_CALLS.finditer(text)] + CLOSED.findall(text)
        for part in parts:
            for found in LITERAL.finditer(part):
                literal = found.group(1) if found.group(1) is not None else found.group(2)
                said = re.sub(r"\$\{(?:[^{}]|\{[^{}]*\})*\}", "…", literal)
                # What holds another text is that one's frame.
                if "${" not in said and len(re.findall(r"[a-z]+", said)) >= 3:
                    yield path.relative_to(root), said


def page_missing(root, table):
    known = dict.fromkeys(sentences(root))
    for path, said in known:
        if f"| {said} |" not in table:
            yield f"{path}: no row says | {said} |"
    still_said = {said for _, said in known}
    for said in re.findall(r"^\| (.+?) \| .+ \|$", table.split("## Pages")[1], re.MULTILINE)[1:]:
        if said not in still_said:
            yield f"ops/errors.md: no page says | {said} | any more"


def main():
    program, root = sys.argv[1], pathlib.Path(sys.argv[2])
    printed = subprocess.run([program, "contract", "errors"], capture_output=True, text=True,
                             timeout=60, check=True).stdout
    paper = (root / "ops" / "errors.md").read_text("utf-8")
    missing = [*codes_missing(root, paper), *exit_codes_missing(root, paper),
               *http_errors_missing(root, paper), *page_missing(root, paper)]
    if printed != paper:
        missing.append("ops/errors.md is not what the program says: signalbox contract errors "
                       "> ops/errors.md")
    print("\n".join(missing) or "every error has its row")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())

"""Every command that a paper shows is run as it stands there, in a fresh copy of the tree with the
built program; what cannot be run is listed here by name, with the reason."""
import re
import subprocess

import pytest

from papers import (COMMAND, ROOT, blocks, commands_outside, inline_commands, is_shown,
                    is_there, linked_files, named_files, papers)
from sandbox import Sandbox

# (paper, first line of the block) -> why it is not run.
NOT_RUN = {
    ("README.md", "ops/test"): "it is what runs this test",
    ("README.md", "cmake --preset dev"): "builds everything, as this test's own build did",
    ("ops/kafka/README.md", "ops/kafka/up"): "downloads what it runs; tests/kafka runs it on free ports",
    ("ops/embedding.md", "cmake --preset release"): "builds; dice_box is built by this build",
}

# Blocks that serve until Ctrl-C; what follows them in the paper finds them running. ops/run builds
# before it serves: of it, only cmake is left out.
SERVES = {
    ("README.md", "ops/run"),
    ("ops/embedding.md", "build/release/ops/examples/dice_box serve --dev --data build/dice"),
}

# What a block must print, where its exit code is not enough.
PRINTS = {
    ("README.md", "build/release/signalbox watch --once --dev"): r'"message":"probe succeeded"',
    ("README.md", "/usr/bin/python3 - \"$(build/release/signalbox token --user alice)\" <<'END'"):
        r'"type":"ack".*"type":"agent_completed".*391',
    ("README.md", "build/release/signalbox replay timeline --user alice"):
        r"message_received.*agent_completed.*\n *answer +17 \* 23 = 391.*whole: no damage",
    ("README.md", "build/release/signalbox backup --to build/backup"):
        r"build/backup holds the log.*whole: no damage.*whole: 6 events",
    ("README.md", "build/release/signalbox bench chat --url ws://127.0.0.1:8080/ws \\"):
        r"violations +0",
    ("README.md", "umask 077"):
        r"\neyJ[\w-]+\.[\w-]+\.[\w-]+\n",
    ("ops/embedding.md", "/usr/bin/python3 - \"$(build/release/ops/examples/dice_box token"
                         " --data build/dice --user alice)\" <<'END'"):
        r'"type":"agent_completed".*"content":"\d \+ \d \+ \d = \d+".*'
        r"tool_completed  throw_dice -> .*agent_completed",
    ("ops/embedding.md", "build/release/ops/examples/dice_box replay rerun --data build/dice"
                         " --user alice \\"): r"",
}

PAPERS = dict(papers())
# Shown on a real cluster: test_runbook.py runs these.
OF_THE_RUNBOOK = "ops/runbook.md"
SHOWN = {name: [block for block in blocks(name, text) if block.language in ("sh", "console")]
         for name, text in PAPERS.items()}


def key(block):
    return block.paper, re.sub(r"\s+#.*", "", block.first)


@pytest.fixture
def sandbox(request, tmp_path):
    made = Sandbox(tmp_path, request.config.getoption("--program"),
                   request.config.getoption("--dice-box"))
    if why_not := made.why_not():
        made.close()
        pytest.skip(why_not)
    yield made
    made.close()


@pytest.mark.parametrize("paper", [name for name, shown in SHOWN.items()
                                   if shown and name != OF_THE_RUNBOOK])
def test_the_commands_of_a_paper_work_word_for_word(sandbox, paper):
    for block in SHOWN[paper]:
        print(f"{block.paper}:{block.line}: {block.first}")
        if key(block) in NOT_RUN:
            continue
        if key(block) in SERVES:
            sandbox.serve(block.text)
            continue
        printed = sandbox.run(block.text)
        expected = PRINTS.get(key(block), "")
        assert re.search(expected, printed, re.DOTALL), f"no {expected!r} in\n{printed}"
    sandbox.end_serving()
    secrets = [name for name in ("private.jwk", "keys.json")
               if (sandbox.folder / "build" / name).exists()]
    assert secrets == (["private.jwk", "keys.json"] if paper == "README.md" else [])
    assert [name for name in secrets
            if (sandbox.folder / "build" / name).stat().st_mode & 0o077] == []


def test_what_is_listed_stands_in_a_paper():
    shown = {key(block) for found in SHOWN.values() for block in found}
    listed = set(NOT_RUN) | SERVES | set(PRINTS)
    assert listed - shown == set()
    assert len(shown - set(NOT_RUN)) >= 8


def test_commands_stand_in_blocks_that_are_run():
    assert [line for name, text in PAPERS.items() for line in commands_outside(name, text)] == []


def test_commands_in_a_sentence_are_commands_we_have(request):
    program = request.config.getoption("--program")
    helps, unknown = {}, []

    def help_of(words):
        if words not in helps:
            helps[words] = subprocess.run([program, *words, "--help"], capture_output=True,
                                          text=True, check=False, timeout=60).stdout
        return helps[words]

    for name, text in PAPERS.items():
        for command in inline_commands(text):
            path, *words = command.split()
            if not path.endswith("signalbox"):
                if not (ROOT / path).exists():
                    unknown.append(f"{name}: `{command}`: there is no {path}")
                continue
            verbs = []
            while words and re.fullmatch(r"[a-z][a-z-]*", words[0]) and f"\n  {words[0]} " in help_of(
                    tuple(verbs)) + " ":
                verbs.append(words.pop(0))
            said = help_of(tuple(verbs))
            flags = [word for word in words if word.startswith("--")]
            if not verbs or [flag for flag in flags if flag not in said]:
                unknown.append(f"{name}: `{command}`")
    assert unknown == []


def test_the_paper_about_embedding_shows_the_example_as_it_is():
    text = PAPERS["ops/embedding.md"]
    shown = dict(re.findall(r"^`(ops/examples/[\w.]+)`:\n\n```\w+\n(.*?)^```$", text,
                            re.DOTALL | re.MULTILINE))
    files = {f"ops/examples/{path.name}": path.read_text("utf-8")
             for path in (ROOT / "ops" / "examples").iterdir()}
    assert set(shown) == set(files)
    for name, source in files.items():
        assert shown[name] == source, f"ops/embedding.md does not show {name} as it is"
    assert text.count("```cpp\n") == sum(name.endswith(("pp")) for name in files)


def test_the_files_that_a_paper_names_are_there():
    assert [f"{name}: `{path}`" for name, text in PAPERS.items() for path in named_files(text)
            if not is_there(path)] == []


def test_the_files_that_a_paper_links_and_the_pictures_it_shows_are_there():
    linked = [(name, *found) for name, text in PAPERS.items() for found in linked_files(name, text)]
    assert {"ops/pictures/chat.png", "ops/pictures/audit.png"} <= {target for name, target, _ in linked
                                                                  if name == "README.md"}
    assert [f"{name}: {target}" for name, target, path in linked if not is_shown(path)] == []


# ---- the rules above, broken once each

def test_a_command_outside_a_block_is_seen():
    assert list(commands_outside("p", "Do:\n\n    signalbox serve --dev\n"))
    assert list(commands_outside("p", "```\nops/run\n```\n"))
    assert not list(commands_outside("p", "```sh\nops/run\n```\n\n- a list\n    that goes on\n"))
    assert COMMAND.match("$ curl -s x") and not COMMAND.match("signalboxes are")


def test_names_of_files_are_found():
    text = "`ops/b.*` and `c.hpp`, `x.y()`, `ops/watch/`, `d/`, `limits.x`, `DATA/e`"
    assert list(named_files(text)) == ["ops/b.*", "c.hpp", "ops/watch"]
    assert is_there("ops/watch") and is_there("judge.hpp") and not is_there("ops/b.*")
    assert not is_there("no_such_file.hpp")


def test_links_and_pictures_are_found(tmp_path):
    text = ("![a\npicture](p/a.png) [b](../b.md#c) [d](https://e.test/f) [g](#h) `[](i)(j)`\n"
            "```cpp\n[](int k) {}\n```\n[l](m \"n\")\n")
    assert list(linked_files("ops/o.md", text)) == [
        ("p/a.png", ROOT / "ops/p/a.png"), ("../b.md", ROOT / "ops/../b.md"), ("m", ROOT / "ops/m")]
    picture = (ROOT / "ops/pictures/chat.png").read_bytes()
    for name, content in {"cut": picture[:-1], "empty": b"", "text": b"version https://git-lfs"}.items():
        (tmp_path / f"{name}.png").write_bytes(content)
        assert not is_shown(tmp_path / f"{name}.png"), name
    assert not is_shown(tmp_path / "none.png") and not is_shown(tmp_path / "none.md")
    assert is_shown(ROOT / "ops/pictures/chat.png")


def test_blocks_are_found_with_their_lines():
    (block,) = blocks("p", "a\n```sh\none\ntwo\n```\nb\n")
    assert (block.line, block.language, block.text) == (3, "sh", "one\ntwo\n")
    with pytest.raises(AssertionError):
        blocks("p", "```sh\none\n")

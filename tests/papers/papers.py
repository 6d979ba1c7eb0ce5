"""The papers of this tree and the blocks of code in them."""
import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]
NOT_OURS = {"build", "node_modules", "signalbox-data", ".git"}

COMMAND = re.compile(r"^(\$ )?((sudo )?(\S*/)?(signalbox|dice_box|cmake|ctest|curl|npm|npx|node|bash|"
                     r"python3|apt-get|git|docker|sh)|\.?/?(ops|\.ci)/\w+)( |$)")


@dataclasses.dataclass(frozen=True)
class Block:
    paper: str
    line: int  # of its first line
    language: str
    text: str

    @property
    def first(self):
        return self.text.split("\n", 1)[0]


def papers():
    """(path, text) of every paper that may show a command."""
    for path in sorted(ROOT.rglob("*.md")):
        name = path.relative_to(ROOT).as_posix()
        if not NOT_OURS & set(path.relative_to(ROOT).parts):
            yield name, path.read_text("utf-8")


def blocks(name, text):
    """The fenced blocks of a paper, in order."""
    found, begin, fence, lines = [], None, None, text.split("\n")
    for number, line in enumerate(lines, 1):
        fenced = re.match(r"^\s*```(\w*)\s*$", line)
        if not fenced:
            continue
        if begin is None:
            begin, fence = number, fenced[1]
        else:
            found.append(Block(name, begin + 1, fence, "\n".join(lines[begin:number - 1]) + "\n"))
            begin = None
    assert begin is None, f"{name}:{begin}: the block has no end"
    return found


def commands_outside(name, text):
    """Lines that look like commands, indented as code or in a block of another kind than sh."""
    inside, previous = None, ""
    for number, line in enumerate(text.split("\n"), 1):
        fenced = re.match(r"^\s*```(\w*)\s*$", line)
        if fenced:
            inside = None if inside is not None else fenced[1]
        elif inside == "" and COMMAND.match(line.strip()):
            yield f"{name}:{number}: {line.strip()}"
        elif inside is None and line.startswith("    ") and COMMAND.match(line.strip()) and (
                not previous.strip() or previous.startswith("    ")):
            yield f"{name}:{number}: {line.strip()}"
        previous = line


def inline_commands(text):
    """What stands in `…` outside blocks and begins with our program or one of our scripts."""
    outside = re.sub(r"^\s*```.*?^\s*```\s*$", "", text, flags=re.DOTALL | re.MULTILINE)
    for found in re.finditer(r"`((?:\S*/)?signalbox [^`]+|(?:ops|\.ci)/[\w/]+(?: [^`]+)?)`", outside):
        yield found[1].replace("\n", " ")


TOP = r"(?:event-store|router|gateway|replay|ops|tests)"
FILE = re.compile(rf"{TOP}/[\w.*/-]*|\w+\.(?:hpp|cpp|py|mjs|md|\*)")


def named_files(text):
    """What stands in `…` and can only be a file or a folder of this tree."""
    outside = re.sub(r"^\s*```.*?^\s*```\s*$", "", text, flags=re.DOTALL | re.MULTILINE)
    for found in re.finditer(r"`([^`\s]+)`", outside):
        if FILE.fullmatch(found[1]):
            yield found[1].rstrip("/")


def linked_files(name, text):
    """(target, path from the root) of what a paper links or shows as a picture, but for addresses."""
    outside = re.sub(r"^\s*```.*?^\s*```\s*$|`[^`]*`", "", text, flags=re.DOTALL | re.MULTILINE)
    for found in re.finditer(r"\]\(\s*<?([^)\s>#]+)", outside):
        if not re.match(r"[a-z][a-z+.-]*:", found[1]):
            yield found[1], ROOT / pathlib.PurePosixPath(name).parent / found[1]


def is_shown(path):
    """A file or folder that is there; a .png only if it is a PNG, whole to its end."""
    if path.suffix != ".png":
        return path.exists()
    content = path.read_bytes() if path.is_file() else b""
    return content.startswith(b"\x89PNG\r\n\x1a\n") and content.endswith(b"IEND\xaeB`\x82")


def is_there(name):
    """A path from the root; a bare name may be anywhere, as a neighbour of one named before."""
    if next(ROOT.glob(name), None) or "/" in name:
        return next(ROOT.glob(name), None) is not None
    return any(
        path for top in ROOT.iterdir() if re.fullmatch(TOP, top.name) for path in top.rglob(name))

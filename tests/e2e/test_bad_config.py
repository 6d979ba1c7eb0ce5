"""Settings that are wrong, from each source: the message names the key, where it stands and what is
allowed; the exit code is that of wrong usage, and nothing was begun. Made from what --print-config
lists, so that no key is left out."""
import os
import re
import subprocess

import pytest

USAGE = 2


@pytest.fixture(scope="module")
def program(request):
    return os.path.abspath(request.config.getoption("--program"))


def start(program, folder, *arguments, **variables):
    """(exit code, standard error) of `serve`, which must not have made its data."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")}
    if "--listen" not in arguments:
        arguments = ("--listen", "127.0.0.1:0", *arguments)
    done = subprocess.run([program, "serve", "--dev", *arguments],
                          capture_output=True, text=True, timeout=60, cwd=folder, check=False,
                          env=clean | variables)
    assert done.stdout == ""
    assert not any(path.is_dir() for path in folder.iterdir())
    return done.returncode, done.stderr


def settings(program):
    """key -> shown value of each."""
    printed = subprocess.run([program, "serve", "--dev", "--print-config"], capture_output=True,
                             text=True, timeout=60, check=True).stdout
    return dict(re.fullmatch(r"(\S+) = (.*?)  # .*", line).groups()
                for line in printed.splitlines())


def wrong_values(shown):
    """TOML texts that a key with such a value does not take."""
    if shown.startswith("["):
        return ["7", '"text"', "true", "[7]", '[""]', "{ a = 1 }"]
    if shown in ("true", "false"):
        return ["7", '"true"', "[]", "{ a = 1 }"]
    if re.fullmatch(r"-?\d+", shown):
        return ["-1", "9223372036854775807", '"7"', "true", "1.5", "[]", "{ a = 1 }", "1979-05-27"]
    wrong = ["7", "true", "[]", "{ a = 1 }"]
    if re.fullmatch(r'"\d+(ms|s|m|h|d)"', shown):
        wrong += ['""', '"7"', '"-1s"', '"1.5s"', '"7 weeks"', '"99999999999999999999s"', '"100000d"']
    return wrong


def test_every_key_refuses_what_it_does_not_take_in_a_file_with_its_line(program, tmp_path):
    cases = 0
    for key, shown in settings(program).items():
        for value in wrong_values(shown):
            (tmp_path / "box.toml").write_text(f"# one\n# two\n{key} = {value}\n")
            code, said = start(program, tmp_path, "--config", "box.toml")
            assert code == USAGE, (key, value, said)
            assert f"box.toml:3: {key} " in said or f"box.toml:3: unknown key {key}.a" in said, \
                (key, value, said)
            assert " must be " in said or "; allowed: " in said, (key, value, said)
            cases += 1
    assert cases > 200


def test_every_number_duration_and_choice_is_refused_in_the_environment_by_its_name(program, tmp_path):
    cases = 0
    for key, shown in settings(program).items():
        name = "SIGNALBOX_" + key.upper().replace(".", "_")
        if re.fullmatch(r"-?\d+", shown):
            wrong = ["", "x", "-1", "1.5", "7 ", " 7", "0x10", "9" * 30]
        elif re.fullmatch(r'"\d+(ms|s|m|h|d)"', shown):
            wrong = ["", "7", "-1s", "1.5s", "s", "9" * 30 + "s"]
        elif shown in ("true", "false"):
            wrong = ["", "1", "yes", "TRUE"]
        else:
            continue
        for value in wrong:
            code, said = start(program, tmp_path, **{name: value})
            assert code == USAGE, (name, value, said)
            assert f"environment {name}: {key} must be " in said, (name, value, said)
            cases += 1
    assert cases > 150


@pytest.mark.parametrize("text, said", [
    ("lisen = 1\n", "box.toml:1: unknown key lisen; allowed: "),
    ("\n[limits]\ncontent_byte_max = 1\n", "box.toml:3: unknown key limits.content_byte_max; allowed: "),
    ("[limits.content_bytes_max]\nx = 1\n", "box.toml:2: unknown key limits.content_bytes_max.x"),
    ("[[limits]]\n", "box.toml:1: unknown key limits"),
    ("[Limits]\nframe_bytes_max = 1000\n", "box.toml:2: unknown key Limits.frame_bytes_max"),
    ('["limits.x"]\n', "box.toml:1: unknown key limits.x"),
    ("dev = true\ndev = true\n", "box.toml:2: "), ("dev = tru\n", "box.toml:1: "),
    ("dev\n", "box.toml:1: "), ("dev = \"\n", "box.toml:1: "), ("\0", "box.toml:1: "),
    ("\ndev = \"\udcff\"\n", "box.toml:2: "), ("limits = 7\n", "box.toml:1: unknown key limits"),
])
def test_what_is_unknown_or_no_toml_is_refused_with_its_line(program, tmp_path, text, said):
    (tmp_path / "box.toml").write_text(text, encoding="utf-8", errors="surrogateescape")
    code, complaint = start(program, tmp_path, "--config", "box.toml")
    assert code == USAGE, complaint
    assert said in complaint
    if "unknown key" not in said:
        assert "mend that line: TOML has" in complaint


def test_files_that_are_no_files_are_named(program, tmp_path):
    code, said = start(program, tmp_path, "--config", "/no/such.toml")
    assert code == USAGE and "/no/such.toml: cannot be read: No such file" in said
    assert "--config wants a file in TOML" in said and ":0:" not in said
    # A folder was once read like an empty file.
    code, said = start(program, tmp_path, "--config", "/proc/self")
    assert code == USAGE and "/proc/self: is a directory" in said


@pytest.mark.parametrize("key, flags", [
    ("auth.jwks", ()), ("playbook", ("--dev",)), ("tls.certificate", ("--dev",))])
def test_a_file_that_a_setting_names_and_nobody_can_read_is_told_with_the_key(program, tmp_path, key, flags):
    named = {"SIGNALBOX_" + key.upper().replace(".", "_"): "/no/such"}
    if key.startswith("tls."):
        named["SIGNALBOX_TLS_KEY"] = "/no/such"
    done = subprocess.run([program, "serve", "--listen", "127.0.0.1:0", *flags], capture_output=True,
                          text=True, timeout=60, cwd=tmp_path, check=False, env=os.environ | named)
    assert done.returncode in (1, USAGE), done.stderr
    assert f"signalbox serve: {key}: /no/such: " in done.stderr


@pytest.mark.parametrize("arguments, said", [
    (("--listen", "8080"), "flag --listen: gateway.listen must be HOST:PORT"),
    (("--listen", "127.0.0.1:65536"), "flag --listen: gateway.listen must be HOST:PORT"),
    (("--listen", ""), "flag --listen: gateway.listen must be HOST:PORT"),
    (("--data", ""), "flag --data: data must be "),
    (("--no-such-flag",), "--no-such-flag"), (("--listen",), "--listen"), (("stray",), "stray"),
])
def test_bad_flags_are_named(program, tmp_path, arguments, said):
    code, complaint = start(program, tmp_path, *arguments)
    assert code == USAGE, complaint
    assert said in complaint


@pytest.mark.parametrize("name", ["SIGNALBOX_LIMIT_FRAME_BYTES_MAX", "SIGNALBOX_", "SIGNALBOX_DEV_",
                                  "SIGNALBOX_limits_frame_bytes_max"])
def test_an_unknown_variable_is_named_with_those_that_are_known(program, tmp_path, name):
    code, said = start(program, tmp_path, **{name: "1"})
    assert code == USAGE
    assert f"environment: unknown variable {name}; allowed: SIGNALBOX_" in said

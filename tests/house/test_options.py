"""The command line: what it understands, and the one sentence it says to what it doesn't."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from twisted.python import usage

from peerserver.__main__ import main, parse
from peerserver.options import Options, default_state_dir

from .servers import HELLO, refused

KEY = ("-a", "k,s")
DB = ("-d", "hello,datomic:mem://hello")


def options(*argv: str, **environ: str) -> Options:
    parsed = Options(environ)
    parsed.parseOptions(list(argv))
    return parsed


def test_datomics_own_command_line() -> None:
    """The options of Datomic's documentation are understood as they stand."""
    parsed = options("-h", "example.org", "-p", "9000", "-a", "k1,s1", "-a", "k2,s2", "-d", "a,datomic:mem://x", *DB)
    assert (parsed["host"], parsed["port"]) == ("example.org", 9000)
    assert parsed["keys"] == {"k1": "s1", "k2": "s2"}
    assert [(spec.name, str(spec.uri)) for spec in parsed["databases"]] == [
        ("a", "datomic:mem://x"), ("hello", "datomic:mem://hello")]


def test_defaults() -> None:
    """Without -h and -p the server is localhost:8998."""
    parsed = options(*KEY, *DB)
    assert (parsed["host"], parsed["port"]) == ("localhost", 8998)
    assert parsed["settings"].clock_skew == 900
    assert parsed["certificate"] is None


def test_long_names() -> None:
    """Each short option has its long name."""
    parsed = options("--host", "::1", "--port", "1", "--auth", "k,s", "--database", "a-1,datomic:mem://x")
    assert (parsed["host"], parsed["port"], parsed["keys"]) == ("::1", 1, {"k": "s"})


def test_a_secret_may_have_commas() -> None:
    """Only the first comma parts the key from the secret."""
    assert options("-a", "k,s,t", *DB)["keys"] == {"k": "s,t"}


def test_secrets_from_a_file_and_the_environment(tmp_path: Path) -> None:
    """Keys come from all three places together; comments and empty lines of the file are nothing."""
    file = tmp_path / "keys"
    file.write_text("# who may\n\nk1,s1\n k2,s2 \n")
    parsed = options("--auth-file", str(file), *KEY, *DB, PEERSERVER_AUTH="k3,s3 k4,s4")
    assert parsed["keys"] == {"k": "s", "k1": "s1", "k2": "s2", "k3": "s3", "k4": "s4"}


def test_amounts_have_units() -> None:
    """Times and sizes are read with their unit, seconds and bytes without."""
    settings = options(*KEY, *DB, "--clock-skew", "90", "--query-timeout", "2m", "--max-body", "3k")["settings"]
    assert (settings.clock_skew, settings.query_timeout, settings.max_body) == (90, 120_000, 3072)


def test_the_state_folder() -> None:
    """systemd's folder goes before XDG's, and that before the home's."""
    assert default_state_dir({"STATE_DIRECTORY": "/a", "XDG_STATE_HOME": "/b"}) == Path("/a")
    assert default_state_dir({"XDG_STATE_HOME": "/b"}) == Path("/b/peerserver")
    assert default_state_dir({}).parts[-3:] == (".local", "state", "peerserver")


@pytest.mark.parametrize(("argv", "sentence"), [
    ([*DB], "no access key; give at least one with -a KEY,SECRET"),
    ([*KEY], "no database; give at least one with -d NAME,URI"),
    (["-a", "secretonly", *DB], "-a: an access key has no secret; write KEY,SECRET"),
    (["-a", "k,", *DB], "-a: an access key has no secret; write KEY,SECRET"),
    (["-a", ",s", *DB], "-a: an access key has no key; write KEY,SECRET"),
    (["-a", "k,s", "-a", "k,other", *DB], "access key k has two secrets; keep one"),
    ([*KEY, "-d", "he_llo,datomic:mem://hello"], "a name consists of letters, digits and - only"),
    ([*KEY, "-d", ",datomic:mem://hello"], "a name consists of letters, digits and - only"),
    ([*KEY, "-d", "é,datomic:mem://hello"], "a name consists of letters, digits and - only"),
    ([*KEY, *DB, *DB], "-d hello: the name is given twice; give each database its own"),
    ([*KEY, "-d", "hello"], "-d hello: write NAME,URI as in hello,datomic:mem://hello"),
    ([*KEY, "-d", "a,datomic:floppy://x"], "unsupported protocol 'floppy'; use one of mem"),
    ([*KEY, "-d", "a,mem://x"], "a database URI looks like datomic:mem://my-db"),
    ([*KEY, "-d", "a,datomic:mem://*"], "stands for every database; name one"),
    ([*KEY, *DB, "-p", "x"], "-p x: a port is a number from 0 to 65535"),
    ([*KEY, *DB, "-p", "65536"], "-p 65536: a port is a number from 0 to 65535"),
    ([*KEY, *DB, "-p", "-1"], "-p -1: a port is a number from 0 to 65535"),
    ([*KEY, *DB, "-h", ""], "-h is empty"),
    ([*KEY, *DB, "--clock-skew", "soon"], "--clock-skew soon: write 90s, 15m or 1h"),
    ([*KEY, *DB, "--max-body", "0"], "--max-body 0: write 500k, 64m or 1g"),
    ([*KEY, *DB, "--tls-cert", "/none.pem"], "/none.pem cannot be read: No such file or directory"),
    ([*KEY, *DB, "--tls-key", "/none.pem"], "--tls-key is given without --tls-cert; give both"),
    ([*KEY, *DB, "--tls-cert", "a", "--tls-jks", "b"], "--tls-cert and --tls-jks are both given; keep one"),
    ([*DB, "--auth-file", "/none"], "--auth-file /none cannot be read: No such file or directory"),
    ([*KEY, *DB, "stray"], "a value stands without its option"),
    ([*KEY, *DB, "--nonsense"], "option --nonsense not recognized"),
    ([*KEY, *DB, "--port"], "option --port requires argument"),
])
def test_bad_options(argv: list[str], sentence: str) -> None:
    """Each bad option is refused in one sentence that says what to change."""
    with pytest.raises(usage.UsageError) as error:
        options(*argv)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("argv", [
    ["-a", "my-hidden-value", *DB], ["-a", ",my-hidden-value", *DB], [*KEY, *DB, "my-hidden-value"],
    [*KEY, "-d", "a_b,datomic:sql://x?jdbc:postgresql://h/d?user=u&password=my-hidden-value"],
    [*KEY, "-d", "datomic:sql://x?jdbc:postgresql://h/d?user=u&password=my-hidden-value"],
    [*KEY, "-d", "a,datomic:dev://h:0/x?password=my-hidden-value"],
])
def test_refusals_keep_secrets(argv: list[str]) -> None:
    """No refusal repeats what may be a secret."""
    with pytest.raises(usage.UsageError) as error:
        options(*argv)
    assert "my-hidden-value" not in str(error.value)


def test_the_module_before_the_options() -> None:
    """-m datomic.peer-server and -m peerserver both stand for this server, and nothing else does."""
    for module in ("datomic.peer-server", "peerserver"):
        assert parse(["-m", module, *KEY, *DB])["port"] == 8998
    for wrong in (["-m"], ["-m", "datomic.console"]):
        with pytest.raises(usage.UsageError, match=r"write -m datomic\.peer-server"):
            parse(wrong)


def test_log_options() -> None:
    """A log format or level that doesn't exist is refused with those that do."""
    with pytest.raises(usage.UsageError, match="choose one of text, json"):
        parse(["--log-format", "xml", *KEY, *DB])
    with pytest.raises(usage.UsageError, match="choose one of debug"):
        parse(["--log-level", "loud", *KEY, *DB])


def test_exit_code_of_a_bad_option(capsys: pytest.CaptureFixture[str]) -> None:
    """A bad option ends with exit code 2 and one line on standard error."""
    with pytest.raises(SystemExit) as end:
        main(["-p", "x"])
    assert end.value.code == 2
    assert capsys.readouterr().err == (
        "peer-server: -p x: a port is a number from 0 to 65535 (--help lists all options)\n")


def test_as_processes(tmp_path: Path) -> None:
    """As processes, too, bad options end with exit code 1 or 2, one line, and no traceback."""
    state = ("--state-dir", str(tmp_path))
    unwritable = tmp_path / "file"
    unwritable.write_text("")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        cases = [
            ((), "no access key"),
            ((*HELLO, *state, "-h", "127.0.0.1", "-p", str(port)), f"port {port} on 127.0.0.1 is in use"),
            ((*HELLO, *state, "-h", "192.0.2.7", "-p", "0"), "-h 192.0.2.7 is no address of this machine"),
            ((*HELLO, *state, "-h", "no-such-host.invalid"), "no such host is known"),
            ((*HELLO, "--state-dir", str(unwritable)), "give a folder with --state-dir"),
        ]
        for argv, sentence in cases:
            code, output = refused(*argv)
            assert code in (1, 2), output
            assert sentence in output
            assert "Traceback" not in output
            assert output.count("\n") == 1, output


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """--help is help and -h is not."""
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code in (0, None)
    assert "--database" in capsys.readouterr().out

"""transit-clj and Clojure's EDN reader as judges: the same bytes, the same values, the same refusals. One JVM run."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Sequence
from pathlib import Path

import pytest

from peerserver.codec import edn, transit
from peerserver.model.anomaly import Anomaly
from tests.services.jars import Missing, jars

from .values import alike

CHECK = Path(__file__).parent / "transit_clj" / "check.clj"

# Values whose bytes must be the same: no sets of several members, no maps beyond eight (their order is Clojure's).
EXACT = [
    "{:a 1 :foo/bar [:foo/bar sym (1 2) #{1}]}", "5", '"a"', "nil", "true", "1.5", ":kw", "sym/a", '#inst "2020"',
    '"^"', '"~"', '"`"', '"~#a"',
    '["^ " "^0" "~" "^abcd" "`abcd"]', "[3N 1.0M 12.340M 1E+5M 0E-10M 1/2 -3/7]", "[\\a \\newline \\\u03bb]",
    '[#uuid "12345678-1234-1234-f234-123456789012"]', '[#uri "http://a"]', '[#bytes "AP8="]', "[##NaN ##Inf ##-Inf]",
    "[9007199254740991 9007199254740992 -9007199254740991 -9007199254740992 9223372036854775807 -9223372036854775808]",
    "[9223372036854775808N 18446744073709551616N]",
    "[1e10 1e-5 1e7 9999999.5 0.001 0.00099 -1e7 -0.0 0.0 1.0E300 1e21 123456789.125 4.9E-324]",
    "[0 -1 31 32 127 128 255 256 65535 65536 4294967295 4294967296]",
    "[-32 -33 -128 -129 -32768 -32769 -2147483648 -2147483649]",
    '{[1] 2, "abcd" 3 1 4 nil 5}', "{nil 1}", "{true 1 false 2}", "{1.5 2 1e10 3}", '{"a" 1 "abcd" 2 "~abc" 3}',
    '{#inst "2020" 1 #uuid "12345678-1234-1234-f234-123456789012" 2 \\c 5 sym 6 3N 7 1.0M 8 #uri "http://a" 9}',
    "{9007199254740993 1}",
    '{#bytes "AP8=" 1}', "{1/2 1}", "{##NaN 1}", "[[[]] {} () #{}]", "{:a {:b {:c #foo/bar [1]}}}",
    "{{:a 1} {:b #{[1]}}}",
    '[:abcd :abcd {:abcd :abcd "~:abcd" 1} "~:abcd" abcd abcd]', '[{"😀😀" 1} {"😀😀" 2} {"😀a" 1} {"😀a" 2}]',
    '["\\u0001\\u001b\\u007f\\u2028 / \\" \\\\ \\\\u001b \\b\\f\\n\\r\\t"]',
    f'["{"x" * 31}" "{"x" * 32}" "{"x" * 300}" "{"x" * 70000}"]',
    f"[{' '.join(['1'] * 70000)}]", f"[{' '.join(f':k/a{n % 2500}' for n in range(6000))}]",
    "[" + " ".join(f'{{:key{n % 700} :val{n % 900} "str{n % 800}" 1}}' for n in range(3000)) + "]",
    "{:a [:zzzz {:yyyy (f ?xxx ?xxx $) :q/qqq #{:zzzz}}]}", "[#datom [1 2 :a/keyw 3 true] #datom [1 2 :a/keyw 3 true]]",
    "[:find ?e :in $ % :where [?e :db/ident :db/ident] (not [?e :a/b _]) [(< ?e 5)]]",
    '[#inst "1500-01-01" #inst "1582-10-14" #inst "1582-10-15"]',
    '[#inst "0001-01-01" #inst "9999-12-31T23:59:59.999-10:00"]',
]  # fmt: skip
# Bytes must be the same, but what comes back is not the float that was sent: JSON has its decimal digits as a double.
FLOATS = ['[#float "0.1" #float "1.0E10" #float "3.0E38" #float "1.0E-5" #float "100"]', '#float "0.5"',
'{#float "0.1" 1}']
# Order is free here, values are not.
UNORDERED = ['#{1 2 3 :a "b" [1] {:a 1}}', "{:a 1 :b 2 :c 3 :d 4 :e 5 :f 6 :g 7 :h 8 :i 9 :j 10}", "#{1 1.0 true}",
"{1 :a 1.0 :b true :c}"]

TEXTS = [
    "1", "+1", "-0", "007", "08", "0x1F", "-0xff", "2r101", "36rZz", "37r1", "1N", "0N", "-017",
    "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "-9223372036854775809", "1.", "1.5", ".5", "-.5", "1e5", "1.0e+3", "1M", "1.M", "1e400",
    "1.50M", "-0.0M",
    "0.00000001M", "1/2", "2/4", "4/2", "1/0", "0/5", "-1/2", "1/-2", ":a", ":1", ":a/1", ":a/b/c", "a/b/c", "::a",
    ":a:b", "a:", "a:b", "/",
    "a/", "/a", ":/", "a//", "foo//", "+", "-", "->", "-a", "+1a", "1a", ".a", "%", "%1", "&", "a#", "a#b", "#a",
    "a'b", "a@b", "@a", "`a", "~a",
    "a~b", "\\a", "\\newline", "\\space", "\\nul", "\\u0041", "\\u00", "\\o101", "\\o400", "\\ ", "\\,", "\\(", '\\"',
    "\\\\", "\\u", "\\o",
    "\\ab", '"\\101"', '"\\400"', '"\\8"', '"\\u00e9"', '"\\x"', '"a\\tb"', "#{1 1}", "{:a 1 :a 2}", "{:a}", "[1 2",
    "]", "#_", "#_ 1",
    "#_ 1 2", "[#_ #_ 1 2 3]", "^:x a", "^{:a 1} [1]", "^String x", "^1 x", "[^:x]",
    '#:a{:b 1 :c/d 2 :_/e 3 "f" 4 g 5}',
    "#:a{:b 1 :a/b 2}", "#:a [1]", "#::a{:b 1}", '#inst "2020-02-30"', '#inst "2020-02-29T12:13:14.123456789+01:30"',
    '#inst "2020-01-01T23:59:60"', '#inst "2020-01-01T23:58:60"', '#inst "2020-01-01T24:00"', '#inst "2020Z"',
    '#inst "2020-06"', "#inst 5",
    '#inst "1500-02-28"', '#inst "1582-10-10"', "#uuid 5", "#foo bar", "#foo/bar [1]", "#foo", "##NaN", "##-Inf",
    "##X", "#(a)", "#=(+ 1 2)",
    "#?(:clj 1)", "[1,2;c", "1;x", "{:a 1, :b 2}", "()", "nil/a", "true/b", "{nil nil}", "{1 :a 1N :b}",
    "#{1.0M 1.00M}", "#{[1] (1)}", "#<a>",
    '[a"b"c]', "\u00a01", "a\u00a0b", "\u30001", "é", ":é/ü", "a|b", "1_0", '"a\\', "[\\a\\b]", "{[] {}}", "1.0E10",
    "0.001", "1.0E-4",
    "123456789.0", "[1 #_2 3]", '"\\ud83d\\ude00"', "9999999.0",
]  # fmt: skip


def _quoted(text: str) -> str:
    return edn.write(text)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str]]:
    """What the judge says to all transit cases, and to all texts."""
    folder = tmp_path_factory.mktemp("transit-clj")
    try:
        lib = jars("org.clojure:clojure:1.11.4", "com.cognitect:transit-clj:1.0.333")
    except (Missing, subprocess.SubprocessError) as problem:
        message = f"NOT RUN: the codec was not compared with transit-clj; missing: {problem}"
        warnings.warn(message, stacklevel=1)
        pytest.skip(message)
    cases = [*EXACT, *FLOATS, *UNORDERED]
    lines = []
    for case in cases:
        value = edn.read(case)
        lines.append("\t".join([case, transit.json.encode(value).hex(), transit.msgpack.encode(value).hex()]))
    (folder / "cases").write_text("\n".join(lines), encoding="utf-8")
    (folder / "texts").write_text("\n".join(map(_quoted, TEXTS)), encoding="utf-8")
    arguments = ["transit", folder / "cases", folder / "cases.out", "edn", folder / "texts", folder / "texts.out"]
    command = ["java", "-Dfile.encoding=UTF-8", "-XX:TieredStopAtLevel=1", "-cp", f"{lib}/*", "clojure.main", CHECK,
    *arguments]
    subprocess.run(list(map(str, command)), check=True, timeout=300)
    found = (folder / "cases.out").read_text(encoding="utf-8").split("\n")
    texts = (folder / "texts.out").read_text(encoding="utf-8").split("\n")
    assert (len(found), len(texts)) == (len(cases), len(TEXTS))
    return found, texts


def _of(answers: tuple[list[str], list[str]], cases: Sequence[str]) -> list[tuple[str, list[str]]]:
    everything = dict(zip([*EXACT, *FLOATS, *UNORDERED], answers[0]))
    return [(case, everything[case].split("\t")) for case in cases]


def test_the_same_bytes(answers: tuple[list[str], list[str]]) -> None:
    """Both formats, byte for byte."""
    for case, (json, msgpack, *_) in _of(answers, [*EXACT, *FLOATS]):
        value = edn.read(case)
        assert transit.json.encode(value) == bytes.fromhex(json), case[:200]
        assert transit.msgpack.encode(value) == bytes.fromhex(msgpack), case[:200]


def test_their_bytes_are_read(answers: tuple[list[str], list[str]]) -> None:
    """What transit-clj writes, verbose JSON too, gives the value of the right types."""
    for case, (json, msgpack, verbose, *_) in _of(answers, [*EXACT, *UNORDERED]):
        value = edn.read(case)
        if "#{1 1.0" not in case and "{1 :a 1.0" not in case:
            assert alike(transit.msgpack.decode(bytes.fromhex(msgpack)), value), case[:200]
            assert alike(transit.json.decode(bytes.fromhex(json)), value), case[:200]
            assert alike(transit.json.decode(bytes.fromhex(verbose)), value), case[:200]
        else:
            assert "Tagged" in repr(transit.json.decode(bytes.fromhex(json))), case


def test_ours_are_read_by_them(answers: tuple[list[str], list[str]]) -> None:
    """What we write, transit-clj reads as the equal value."""
    for case, (_, _, _, json, msgpack) in _of(answers, [*EXACT, *UNORDERED]):
        assert (json, msgpack) == ("true", "true"), case[:200]


def test_edn_as_clojure_reads_and_prints(answers: tuple[list[str], list[str]]) -> None:
    """The same texts are refused, and the others print as Clojure prints them."""
    for text, theirs in zip(TEXTS, answers[1]):
        try:
            ours = edn.write(edn.read(text))
        except Anomaly:
            ours = "!"
        assert ours == (theirs if theirs[:1] != "!" else "!"), text

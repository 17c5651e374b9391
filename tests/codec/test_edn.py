"""EDN text: what is read, what is refused and where, and that nothing is lost on the way back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerserver.codec import edn
from peerserver.codec.limits import Limits
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import BigInt, Char, EdnList, Instant, Keyword, Ratio, Symbol, Tagged

from .values import alike, values

READ: list[tuple[str, Any]] = [
    ("nil", None), ("true", True), ("1", 1), ("-0xff", -255), ("017", 15), ("36rZz", 1295), ("1N", BigInt(1)),
    ("9223372036854775808", BigInt(2**63)), ("1.", 1.0), ("1e5", 1e5), ("12.340M", Decimal("12.340")),
    ("2/4", Ratio(1, 2)), ("4/2", 2), (r"\newline", Char("\n")), (r"\u03bb", Char("λ")), (r"\o101", Char("A")),
    (r'"a\n\u03bb\101\ud83d\ude00"', "a\nλA😀"), (":db/id", Keyword("db/id")), ("/", Symbol("/")), ("?e", Symbol("?e")),
    ("'x", EdnList((Symbol("quote"), Symbol("x")))), ('#"\\d"', Tagged("regex", r"\d")),
    ("#_ #_ 1 2 3", 3), ("^:private ^{:a 1} x", Symbol("x")), ("#:a{:b 1 :_/c 2 :d/e 3}",
     {Keyword("a/b"): 1, Keyword("c"): 2, Keyword("d/e"): 3}),
    ('#inst "2020-02-29T12:13:14.1234+01:30"', Instant(1582972994123)), ('#inst "1500-01-01"',
    Instant(-14830992000000)),
    ('#uuid "12345678-1234-1234-1234-123456789012"', UUID("12345678-1234-1234-1234-123456789012")),
    ("#db/id [:db.part/user -1]", Tagged("db/id", (Keyword("db.part/user"), -1))), ("[1,2;c\n]", (1, 2)),
]  # fmt: skip

REFUSED = [
    ("[1 2", "line 1, column 1"), ("\n\n [1 )", "line 3, column 5"), ("{:a}", "odd number"), ("{:a 1 :a 2}",
    "Duplicate"),
    ("#{1 1N}", "Duplicate"), ("#{1.0M 1.00M}", "Duplicate"), ("#{[1] (1)}", "Duplicate"), ('"abc', "Unterminated"),
    ('"a\\"', "Unterminated"), ('"\\q"', "escape"), ('"\\ud800"', "half"), ('"\\400"', "Octal"), ("08", "Not a number"),
    ("1a", "Not a number"), ("37r1", "Radix"), ("1/0", "zero"), ("::a", "Invalid token"), ("a:", "Invalid token"),
    (":a/1", "Invalid token"), ("a@b", "Invalid token"), ("#", "dispatch"), ("#=(+ 1 2)", "dispatch"), ("#?(:clj 1)",
    "dispatch"),
    ("#(a)", "Unsupported"), ("\\", "character"), ("\\ab", "character"), ("#_", "Nothing follows"), ("[#foo]",
    "Nothing follows"),
    ("^1 x", "Metadata"), ('#inst "2020-02-30"', "day 30"), ("#inst 5", "needs a string"), ('#uuid "1-1-1-1-1"',
    "Not a UUID"),
    ("1 2", "holds 2"), ("", "no EDN value"), ("#:a [1]", "needs a map"), ("#:a{:b 1 :a/b 2}", "Duplicate"),
    ("[" * 200, "deeper"),
    ("'" * 200 + "a", "More than"), ("1" * 5000, "at most"), ("1e99999999999M", "out of range"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), READ)
def test_reads(text: str, value: Any) -> None:
    """Text gives the value, and the type, that Clojure's reader gives."""
    assert alike(edn.read(text), value)


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_refuses(text: str, reason: str) -> None:
    """What is not EDN is an anomaly that says why and where."""
    with pytest.raises(Anomaly) as caught:
        edn.read(text)
    assert caught.value.category == "incorrect"
    assert reason.lower() in caught.value.message.lower()


def test_members_that_python_would_collapse_are_kept() -> None:
    """A set of 1, 1.0 and true has three members, a map with these keys three entries."""
    assert edn.write(edn.read("#{1 1.0 true}")) == "#{1 1.0 true}"
    assert edn.write(edn.read("{1 :a, 1.0 :b, true :c}")) == "{1 :a, 1.0 :b, true :c}"


def test_own_tags() -> None:
    """A given tag is applied to the value behind it; what it cannot take is an anomaly."""
    tags = {"twice": lambda value: value * 2}
    assert edn.read("[#twice 4 #_ #twice 5]", tags) == (8,)
    with pytest.raises(Anomaly, match="#twice"):
        edn.read("#twice {}", tags)


def test_read_all_gives_every_form() -> None:
    """read_all takes any number of forms, also none."""
    assert edn.read_all("1 [2] ; x") == [1, (2,)]
    assert edn.read_all(" ;only a comment") == []


def test_new_names_are_bounded() -> None:
    """One text may bring only so many keywords that the process has not seen."""
    with pytest.raises(Anomaly, match="More than 10"):
        edn.read("[" + " ".join(f":bounded/n{n}" for n in range(20)) + "]", limits=Limits(new_names=10))


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e10, "1.0E10"), (1e-3, "0.001"), (9.9e-4, "9.9E-4"), (1e7, "1.0E7"), (9999999.0, "9999999.0"), (5e-324,
    "4.9E-324"),
     (-0.0, "-0.0"), (Instant(0), '#inst "1970-01-01T00:00:00.000-00:00"'), ({Keyword("a"): (1, None)}, "{:a [1 nil]}"),
     (Char(" "), "\\space"), ("\n\"", '"\\n\\""'), (Decimal("1E+3"), "1E+3M")],
)  # fmt: skip
def test_writes_as_clojure_prints(value: Any, text: str) -> None:
    """Layout and numbers are those of pr-str."""
    assert edn.write(value) == text


def test_writes_any_depth() -> None:
    """Depth does not matter to the printer."""
    value: Any = ()
    for _ in range(5000):
        value = (value,)
    assert edn.write(value) == "[" * 5001 + "]" * 5001


def test_refuses_to_write_what_is_no_value() -> None:
    """An object of another kind is not written by its repr."""
    with pytest.raises(Anomaly, match="no EDN form"):
        edn.write([object()])


@given(values)
def test_round_trip(value: Any) -> None:
    """Reading what was written gives the same value of the same type."""
    assert alike(edn.read(edn.write(value)), value)


@given(st.text(st.sampled_from('()[]{}#_^\'"\\:/;, \n19aNMe.-+~@%')))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the reader fail in another way than with an anomaly; what is read can be written and read again."""
    try:
        forms = edn.read_all(text)
    except Anomaly as problem:
        assert problem.category == "incorrect"
        return
    for form in forms:
        assert alike(edn.read(edn.write(form)), form)

"""Nothing that a client names is evaluated, and no call takes memory or time without bound."""

from __future__ import annotations

import random

import pytest

from peerserver.codec import edn
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import sym
from peerserver.query.builtins import install, lookup
from peerserver.query.builtins.impure import impure_functions

from .recorded import evaluate


@pytest.mark.parametrize("name", ["eval", "load-string", "slurp", "spit", "require", "resolve", "System/getProperty", "System/exit",
                                  "Runtime/getRuntime", "Thread/sleep", "__import__", "os/system", "class", "send", "future",
                                  "clojure.core/eval", "read", "intern", "alter-var-root", ".getClass", "Class/forName"])  # fmt: skip
def test_not_in_the_table(name: str) -> None:
    """What reads files, runs code or reaches the machine does not exist."""
    assert lookup(sym(name)) is None


@pytest.mark.parametrize("call", [
    "(range)", "(range 1000000000)", "(range 0 1 0)", "(repeat 1)", "(repeat 1000000000 1)", "(iterate inc 1)", "(cycle [1])",
    '(.repeat "abc" 1000000000)', '(format "%1000000000d" 1)', '(format "%.1000000000f" 1.5)', "(+ 1E+1000000000M 1M)",
    "(bigint 1E+1000000000M)", "(.toPlainString 1E+1000000000M)", "(.pow 99M 1000000)", "(.setScale 1M 100000000)",
    "(partition 1000000 1 [1 2 3])", "(quot 1E+1000000000M 1M)", "(long 1E+1000000000M)", "(fn [x] x)",
    "(.intValue 1E+1000000000M)", "(rationalize 1E+1000000000M)", "(int 1E+1000000000M)",
    '(re-find (re-pattern "(a+)+b") "aaa")', '(re-find (re-pattern "(a|a)*b") "aaa")', '(re-find (re-pattern "(a|ab)*c") "aaa")',
    '(re-find (re-pattern "([a-z]+)*x") "aaa")', '(re-find (re-pattern "(a?){40}b") "aaa")',
])  # fmt: skip
def test_refused(call: str) -> None:
    """Sequences without end, numbers and texts out of measure, patterns that could run for ever."""
    if call.startswith("(partition"):
        assert evaluate(edn.read(call), []) == ()
        return
    with pytest.raises(Anomaly) as caught:
        evaluate(edn.read(call), [])
    assert caught.value.category == "incorrect"


@pytest.mark.parametrize(("pattern", "text"), [
    (r"^[\\w.+-]+@\\w+(\\.\\w+)*$", "some.body@mail.example.com"),
    (r"[a-z]+(,[a-z]+)*", "a,b,c"), (r"(?:\\d{1,3}\\.){3}\\d{1,3}", "10.0.0.1"),
    (r"(foo|bar)+", "foobarfoo"), (r"(a++)*b", "aaab"), (r".*needle.*", "hay" * 50 + "needle"),
])  # fmt: skip
def test_common_patterns_are_taken(pattern: str, text: str) -> None:
    """Patterns that people write match, with repeats inside repeats where each round is told by its first character."""
    assert evaluate(edn.read(f'(re-find (re-pattern "{pattern}") "{text}")'), []) is not None


def test_a_failing_call_names_the_function() -> None:
    """The message of a refused call tells which function, and what it would take."""
    with pytest.raises(Anomaly, match=r"subs.*begin 9"):
        evaluate(edn.read('(subs "abc" 9)'), [])
    with pytest.raises(Anomaly, match=r"\(3\) passed to: <; it takes 2"):
        evaluate(edn.read("(< 1 2 3)"), [])


def test_impure_functions_are_installed_by_the_caller() -> None:
    """Chance and time come from outside, and a name of the table can't be taken."""
    made = impure_functions(random.Random(1).random, lambda: 1_600_000_000_000)
    assert all(not function.pure for function in made.values())
    assert made["rand-nth"].call([(7,)]) == 7
    assert sorted(made["shuffle"].call([(3, 1, 2)])) == [1, 2, 3]
    assert made["datomic.api/squuid"].call([]).int >> 96 == 1_600_000_000
    with pytest.raises(ValueError, match="inc"):
        install({"inc": made["rand"]})

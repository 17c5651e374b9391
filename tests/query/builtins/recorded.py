"""Reads recorded cases of one call each, and evaluates the call by the table alone, without the query engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peerserver.codec import edn
from peerserver.model.anomaly import Anomaly
from peerserver.model.order import clj_key
from peerserver.model.values import URI, BigInt, EdnList, Float32, Keyword, Ratio, Symbol, Tagged, kw, sym
from peerserver.query.builtins import constant, resolve

EXPECTED = Path(__file__).parents[2] / "conformance" / "expected"


def _ratio(text: str) -> Ratio:
    top, bottom = text.split("/")
    return Ratio(BigInt(top), BigInt(bottom))


TAGS = {
    "case/float": lambda text: Float32(float(text)),
    "case/double": lambda text: float(text.replace("Infinity", "inf")),
    "case/bytes": bytes.fromhex,
    "case/uri": URI,
    "case/ratio": _ratio,
}


def calls(file: Path) -> Iterator[tuple[str, Any, list[Any], dict[Keyword, Any]]]:
    """(where, the call's form, values of ?a ?b ?c, the step) of each step that is one call without a database."""
    for case in edn.read_all(file.read_text("utf-8"), TAGS):
        for number, step in enumerate(case[kw("steps")]):
            query = step.get(kw("query"))
            if not isinstance(query, tuple) or query[:2] != (kw("find"), sym("?x")) or kw("where") not in query:
                continue
            clauses = query[query.index(kw("where")) + 1 :]
            if len(clauses) == 1 and len(clauses[0]) == 2 and clauses[0][1] is sym("?x"):
                yield f"{case[kw('id')]} {number}", clauses[0][0], list(step[kw("args")][1:]), step


def evaluate(call: EdnList, inputs: list[Any]) -> Any:
    """The value of the call."""
    values = dict(zip((sym("?a"), sym("?b"), sym("?c")), inputs))
    head = call[0].text if isinstance(call[0], Symbol) else None
    callee = resolve(call[0])
    args = [values[arg] if isinstance(arg, Symbol) and arg in values else constant(arg, head=head) for arg in call[1:]]
    return callee.call(args)


def shown(value: Any) -> Any:
    """A value as the recorder writes it: lists as vectors, objects as their class."""
    if isinstance(value, tuple):
        return tuple(map(shown, value))
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, Tagged) and value.tag == "regex":
        return Tagged("case/object", "Pattern")
    if callable(getattr(value, "call", None)):
        return Tagged("case/object", "fn")
    return value


def same(one: Any, other: Any) -> bool:
    """Equal, of the same kind of number; NaN equals itself; a double in its last place does not matter."""
    if isinstance(one, float) and isinstance(other, float):
        near = one == other or (one != one and other != other) or abs(one - other) <= 1e-15 * abs(other)
        return near and isinstance(one, Float32) == isinstance(other, Float32)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, int) and isinstance(other, int):
        return one == other and isinstance(one, BigInt) == isinstance(other, BigInt) and isinstance(one, bool) == isinstance(other, bool)
    return clj_key(one) == clj_key(other) and str(one) == str(other) or (type(one) is type(other) and clj_key(one) == clj_key(other)
                                                                         and not isinstance(one, (str, bool)))  # fmt: skip


def difference(call: EdnList, inputs: list[Any], step: dict[Keyword, Any]) -> str | None:
    """None, or how the table's answer differs from the recorded one."""
    try:
        value = evaluate(call, inputs)
    except Anomaly as anomaly:
        if kw("error") in step and anomaly.category == "incorrect":
            return None
        return f"{edn.write(call)}: {anomaly.category} {anomaly.message}; recorded {step.get(kw('result'))}"
    if kw("error") in step:
        return f"{edn.write(call)}: {value!r}; recorded {step[kw('error')]}"
    rows = step[kw("result")].value
    wanted = rows[0][0] if rows else None
    return None if same(shown(value), wanted) else f"{edn.write(call)}: {shown(value)!r}; recorded {wanted!r}"

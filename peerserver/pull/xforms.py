"""The functions that ``:xform`` may name: six built-in ones, and those of the operator's allow-list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from peerserver.codec import edn
from peerserver.model.anomaly import Anomaly, forbidden, not_found
from peerserver.model.values import Keyword, Symbol
from peerserver.query.builtins.printing import to_text

__all__ = ("BUILT_IN", "Xform", "find_xform", "install")

Xform = Callable[[Any], Any]


def _keyword(value: Any) -> Any:
    if isinstance(value, Keyword):
        return value
    if isinstance(value, Symbol):
        return Keyword(value.text)
    return Keyword(value) if isinstance(value, str) else None


def _symbol(value: Any) -> Any:
    if isinstance(value, Symbol):
        return value
    if isinstance(value, Keyword):
        return Symbol(value.text)
    if isinstance(value, str):
        return Symbol(value)
    raise TypeError("symbol takes a string, a symbol or a keyword")


def _name(value: Any) -> Any:
    if isinstance(value, (Keyword, Symbol)):
        return value.name
    if isinstance(value, str):
        return value
    raise TypeError("name takes a keyword, a symbol or a string")


def _namespace(value: Any) -> Any:
    if isinstance(value, (Keyword, Symbol)):
        return value.namespace
    raise TypeError("namespace takes a keyword or a symbol")


def _read(value: Any) -> Any:
    # The first form of the text, as Clojure's reader takes it; nil for nil.
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError("read-string takes a string")
    return edn.read_all(value)[0]


BUILT_IN: Final[Mapping[str, Xform]] = {
    "str": to_text,
    "keyword": _keyword,
    "symbol": _symbol,
    "name": _name,
    "namespace": _namespace,
    "clojure.edn/read-string": _read,
}


#: what the composition root added when the server started; no request changes it.
_installed: dict[str, Xform] = {}


def install(functions: Mapping[str, Xform]) -> None:
    """Allows functions in all pulls: the operator's own. Call it while the server starts, not later."""
    _installed.update(functions)


def find_xform(name: str, listed: Mapping[str, Xform]) -> Xform:
    """The function of that name, wrapped so that its failure is an anomaly. Anomaly for one that isn't allowed."""
    found = BUILT_IN.get(name) or listed.get(name) or _installed.get(name)
    if found is None:
        if "/" in name and not listed and not _installed:
            raise not_found(f"'{name}' is not allowed as an :xform: this server was started without an allow-list of "
                            "extensions")
        raise forbidden(f"'{name}' needs to be listed under :xforms in the extensions file that the server was started "
                        "with")

    function: Xform = found

    def call(value: Any) -> Any:
        try:
            return function(value)
        except Exception as error:
            raise Anomaly("fault", f"Error evaluating xform: {name}") from error

    return call

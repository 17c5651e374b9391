"""The anomalies of transactions, and how values are written in their messages.

``:db/error`` codes and categories are Datomic's (recorded by the oracle, ``transact-*``, ``schema-*``,
``values-*`` and ``tuples-*`` cases); the messages say which form or datom is at fault and what to change.
What is not decided here: when to raise them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from peerserver.model import anomaly
from peerserver.model.anomaly import Anomaly
from peerserver.model.schema import Attribute
from peerserver.model.values import URI, BigInt, EdnList, Instant, Ratio, Tagged

__all__ = (
    "bad_arity",
    "boot_datom",
    "conflict",
    "invalid_alter",
    "invalid_entity_id",
    "invalid_install",
    "invalid_lookup_ref",
    "invalid_tuple",
    "nil_value",
    "not_a_data_function",
    "not_a_keyword",
    "not_an_attribute",
    "not_an_entity",
    "show",
    "tempid_only_value",
    "unique_conflict",
    "wrong_type",
)

_LONGEST = 300
# Datomic names the types in messages by their fressian tags.
_TAGS = {"long": "int", "boolean": "bool", "instant": "inst", "keyword": "key", "symbol": "sym", "tuple": "list"}


def show(value: Any) -> str:
    """A value as EDN text for a message; long texts are cut."""
    text = _text(value, 0)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _text(value: Any, depth: int) -> str:
    if value is None:
        return "nil"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, BigInt):
        return f"{int(value)}N"
    if isinstance(value, Decimal):
        return f"{value}M"
    if isinstance(value, Instant):
        return f"#inst {value.ms}ms"
    if isinstance(value, UUID):
        return f'#uuid "{value}"'
    if isinstance(value, URI):
        return value.text
    if isinstance(value, Ratio):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, bytes):
        return f"#bytes[{len(value)}]"
    if depth > 4:
        return "…"
    if isinstance(value, (tuple, list)):
        inner = " ".join(_text(item, depth + 1) for item in value[:20])
        return f"({inner})" if isinstance(value, EdnList) else f"[{inner}]"
    if isinstance(value, frozenset):
        return "#{" + " ".join(_text(item, depth + 1) for item in value) + "}"
    if isinstance(value, dict):
        pairs = list(value.items())[:20]
        return "{" + ", ".join(f"{_text(k, depth + 1)} {_text(v, depth + 1)}" for k, v in pairs) + "}"
    if isinstance(value, Tagged):
        return f"#{value.tag} {_text(value.value, depth + 1)}"
    return str(value)


def wrong_type(attribute: Attribute, value: Any) -> Anomaly:
    """The value is not of the attribute's type, and nothing is coerced."""
    name = attribute.type.name
    return anomaly.incorrect(
        f"Value {show(value)} is not a valid :{_TAGS.get(name, name)} for attribute {attribute.ident}: "
        f"give a value of type {attribute.type}", "wrong-type-for-attribute")


def nil_value(where: Any) -> Anomaly:
    """nil was given for a value."""
    return anomaly.incorrect(f"Nil is not a legal value, in {show(where)}: leave the attribute out, or retract its "
                             "value", "nil-value")


def not_an_entity(what: Any, datom: Any = None) -> Anomaly:
    """A name that resolves to no entity in the database before the transaction."""
    if datom is None:
        return anomaly.incorrect(f"Unable to resolve entity: {show(what)}", "not-an-entity", entity=what)
    return anomaly.incorrect(f"Unable to resolve entity: {show(what)} in datom {show(datom)}", "not-an-entity",
                             entity=what, datom=datom)


def not_an_attribute(what: Any) -> Anomaly:
    """An entity in attribute position that is no attribute."""
    return anomaly.incorrect(f"{show(what)} is not an attribute.", "not-an-attribute")


def not_a_keyword(text: str) -> Anomaly:
    """A string where a keyword is wanted, without its colon."""
    return anomaly.incorrect(f"Cannot interpret as a keyword: {text}, no leading :", "not-a-keyword")


def not_a_data_function(what: Any, resolved: bool) -> Anomaly:
    """The head of a list form names no transaction function."""
    verb = "Not a data function" if resolved else "Unable to resolve data function"
    return anomaly.incorrect(f"{verb}: {show(what)}; a list form begins with :db/add, :db/retract or the name of a "
                             "transaction function", "not-a-data-function")


def invalid_lookup_ref(form: Any) -> Anomaly:
    """A list in entity position that is not ``[unique-attribute value]``."""
    return anomaly.incorrect(f"Invalid list form: {show(form)}; a lookup ref is [unique-attribute value]",
                             "invalid-lookup-ref")


def invalid_entity_id(eid: int) -> Anomaly:
    """A number that was never given out as an entity id."""
    return anomaly.incorrect(f"Invalid entity id: {eid}; use a tempid for a new entity", "invalid-entity-id")


def bad_arity(form: Any, wanted: str) -> Anomaly:
    """A list form with too few or too many elements."""
    return anomaly.incorrect(f"Wrong number of elements in {show(form)}: it takes {wanted}", "invalid-arity")


def tempid_only_value(tempid: Any) -> Anomaly:
    """A tempid that no form uses as entity."""
    return anomaly.incorrect(f"tempid '{tempid}' used only as value in transaction; say something about it too",
                             "tempid-not-an-entity")


def invalid_tuple(attribute: Attribute, value: Any) -> Anomaly:
    """Wrong length or a wrong element."""
    return anomaly.incorrect(f"Invalid tuple value {show(value)} for attribute {attribute.ident}: "
                             f"{_shape(attribute)}", "invalid-tuple-value")


def _shape(attribute: Attribute) -> str:
    if attribute.tuple_types:
        return "it takes a vector of " + " ".join(map(repr, attribute.tuple_types))
    if attribute.tuple_attrs:
        return f"it takes a vector of {len(attribute.tuple_attrs)} values"
    return f"it takes a vector of 2 to 8 values of {attribute.tuple_type}"


def conflict(first: tuple[Any, ...], second: tuple[Any, ...]) -> Anomaly:
    """Two datoms of one transaction contradict each other."""
    return anomaly.incorrect(
        f"Two datoms in the same transaction conflict\n{{:d1 {show(first)},\n :d2 {show(second)}}}\n",
        "datoms-conflict", d1=first, d2=second)


def unique_conflict(attribute: Attribute, value: Any, holder: int, e: int) -> Anomaly:
    """Another entity holds the unique value."""
    return anomaly.conflict(f"Unique conflict: {attribute.ident}, value: {show(value)} already held by: {holder} "
                            f"asserted for: {e}", "unique-conflict")


def boot_datom(datom: tuple[Any, ...]) -> Anomaly:
    """A fact that came with the database would change."""
    return anomaly.incorrect(f"Boot datoms cannot be altered: {show(datom)}", "datom-cannot-be-altered")


def invalid_install(reason: str, detail: str) -> Anomaly:
    """A new attribute's definition is not complete or contradicts itself."""
    return anomaly.incorrect(f"First error: :db.error/{reason}: {detail}", "invalid-install-attribute")


def invalid_alter(reason: str, detail: str) -> Anomaly:
    """A change of an attribute that is not allowed, or that its data contradict."""
    return anomaly.incorrect(f"Error: {{:db/error :db.error/{reason}, {detail}}}", "invalid-alter-attribute")

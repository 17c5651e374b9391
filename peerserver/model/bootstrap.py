"""The datoms of a new database, equal to Datomic's: 268 of them, ids and transactions included.

Recorded from a new database by the oracle (history included: two idents were retracted on the way).
``BOOTSTRAP_DATOMS`` holds ``(e, a, v, t, added)`` in the order of the log; ``v`` is a Python value of
the attribute's type, a ref's value the entity id; ``t`` is the transaction's t.
What is not decided here: how datoms become columns (``index``) and a schema (``index.schema_view``).
"""

from __future__ import annotations

from typing import Any, Final

from .entity import PART_SHIFT, PART_TX
from .values import Instant, Keyword

__all__ = ("BOOTSTRAP_DATOMS",)

TX: Final = PART_TX << PART_SHIFT


BOOTSTRAP_DATOMS: Final[tuple[tuple[int, int, Any, int, bool], ...]] = (
    (0, 10, Keyword("db.part/db"), 0, True),
    (0, 11, 3, 0, True), (0, 11, 4, 0, True), (0, 13, 7, 0, True), (0, 13, 8, 0, True), (0, 13, 9, 0, True),
    (0, 13, 15, 0, True), (0, 13, 16, 0, True), (0, 13, 17, 0, True), (0, 13, 18, 0, True), (0, 13, 19, 0, True),
    (1, 10, Keyword("db/add"), 0, True),
    (2, 10, Keyword("db/retract"), 0, True),
    (3, 10, Keyword("db.part/tx"), 0, True),
    (4, 10, Keyword("db.part/user"), 0, True),
    (7, 10, Keyword("db/system-tx"), 0, True),
    (7, 40, 21, 0, True), (7, 41, 36, 0, True),
    (8, 10, Keyword("db.sys/partiallyIndexed"), 0, True),
    (8, 40, 24, 0, True), (8, 41, 35, 0, True),
    (9, 10, Keyword("db.sys/reId"), 0, True),
    (9, 40, 20, 0, True), (9, 41, 35, 0, True),
    (10, 10, Keyword("db/ident"), 0, True),
    (11, 10, Keyword("db.install/partition"), 0, True),
    (12, 10, Keyword("db.install/valueType"), 0, True),
    (13, 10, Keyword("db.install/attribute"), 0, True),
    (14, 10, Keyword("db.install/function"), 0, True),
    (15, 10, Keyword("db/excise"), 0, True),
    (15, 40, 20, 0, True), (15, 41, 35, 0, True),
    (16, 10, Keyword("db.excise/attrs"), 0, True),
    (16, 40, 20, 0, True), (16, 41, 36, 0, True),
    (17, 10, Keyword("db.excise/beforeT"), 0, True),
    (17, 40, 22, 0, True), (17, 41, 35, 0, True),
    (18, 10, Keyword("db.excise/before"), 0, True),
    (18, 40, 25, 0, True), (18, 41, 35, 0, True),
    (19, 10, Keyword("db.alter/attribute"), 0, True),
    (19, 40, 20, 0, True), (19, 41, 36, 0, True),
    (20, 10, Keyword("db.type/ref"), 0, True),
    (21, 10, Keyword("db.type/keyword"), 0, True),
    (22, 10, Keyword("db.type/long"), 0, True),
    (23, 10, Keyword("db.type/string"), 0, True),
    (24, 10, Keyword("db.type/boolean"), 0, True),
    (25, 10, Keyword("db.type/instant"), 0, True),
    (26, 10, Keyword("db.type/fn"), 0, True),
    (27, 10, Keyword("db.type/bytes"), 0, True),
    (35, 10, Keyword("db.cardinality/one"), 0, True),
    (36, 10, Keyword("db.cardinality/many"), 0, True),
    (37, 10, Keyword("db.unique/value"), 0, True),
    (38, 10, Keyword("db.unique/identity"), 0, True),
    (39, 10, Keyword("fressian/tag"), 0, True),
    (40, 10, Keyword("db/valueType"), 0, True),
    (41, 10, Keyword("db/cardinality"), 0, True),
    (42, 10, Keyword("db/unique"), 0, True),
    (43, 10, Keyword("db/isComponent"), 0, True),
    (44, 10, Keyword("db/index"), 0, True),
    (45, 10, Keyword("db/noHistory"), 0, True),
    (46, 10, Keyword("db/lang"), 0, True),
    (47, 10, Keyword("db/code"), 0, True),
    (48, 10, Keyword("db.lang/clojure"), 0, True),
    (49, 10, Keyword("db.lang/java"), 0, True),
    (50, 10, Keyword("db/txInstant"), 0, True),
    (51, 10, Keyword("db/fulltext"), 0, True),
    (52, 10, Keyword("db/fn"), 0, True),
    (53, 10, Keyword("db.bootstrap/part"), 0, True),
    (54, 10, Keyword("db/retractEntity"), 0, True),
    (54, 10, Keyword("db.fn/retractEntity"), 0, False),
    (55, 10, Keyword("db/cas"), 0, True),
    (55, 10, Keyword("db.fn/cas"), 0, False),
    (TX | 0, 50, Instant(0), 0, True), (0, 11, 0, 54, True), (0, 12, 20, 54, True), (0, 12, 21, 54, True),
    (0, 12, 22, 54, True), (0, 12, 23, 54, True), (0, 12, 24, 54, True), (0, 12, 25, 54, True),
    (0, 12, 26, 54, True), (0, 12, 27, 54, True), (0, 13, 10, 54, True), (0, 13, 11, 54, True),
    (0, 13, 12, 54, True), (0, 13, 13, 54, True), (0, 13, 14, 54, True), (0, 13, 39, 54, True),
    (0, 13, 40, 54, True), (0, 13, 41, 54, True), (0, 13, 42, 54, True), (0, 13, 43, 54, True),
    (0, 13, 44, 54, True), (0, 13, 45, 54, True), (0, 13, 46, 54, True), (0, 13, 47, 54, True),
    (0, 13, 50, 54, True), (0, 13, 51, 54, True), (0, 13, 52, 54, True), (0, 14, 54, 54, True),
    (0, 14, 55, 54, True), (10, 40, 21, 54, True), (10, 41, 35, 54, True), (10, 42, 38, 54, True),
    (11, 40, 20, 54, True), (11, 41, 36, 54, True), (12, 40, 20, 54, True), (12, 41, 36, 54, True),
    (13, 40, 20, 54, True), (13, 41, 36, 54, True), (14, 40, 20, 54, True), (14, 41, 36, 54, True),
    (20, 39, Keyword("ref"), 54, True),
    (21, 39, Keyword("key"), 54, True),
    (22, 39, Keyword("int"), 54, True),
    (23, 39, Keyword("string"), 54, True),
    (24, 39, Keyword("bool"), 54, True),
    (25, 39, Keyword("inst"), 54, True),
    (26, 39, Keyword("datomic/fn"), 54, True),
    (27, 39, Keyword("bytes"), 54, True),
    (39, 40, 21, 54, True), (39, 41, 35, 54, True), (39, 44, True, 54, True), (40, 40, 20, 54, True),
    (40, 41, 35, 54, True), (41, 40, 20, 54, True), (41, 41, 35, 54, True), (42, 40, 20, 54, True),
    (42, 41, 35, 54, True), (43, 40, 24, 54, True), (43, 41, 35, 54, True), (44, 40, 24, 54, True),
    (44, 41, 35, 54, True), (45, 40, 24, 54, True), (45, 41, 35, 54, True), (46, 40, 20, 54, True),
    (46, 41, 35, 54, True), (47, 40, 23, 54, True), (47, 41, 35, 54, True), (47, 51, True, 54, True),
    (50, 40, 25, 54, True), (50, 41, 35, 54, True), (50, 44, True, 54, True), (51, 40, 24, 54, True),
    (51, 41, 35, 54, True), (52, 40, 26, 54, True), (52, 41, 35, 54, True),
    (54, 10, Keyword("db.fn/retractEntity"), 54, True),
    (54, 46, 48, 54, True),
    (54, 47, "(clojure.core/fn [db e] (datomic.builtins/build-retract-args db e))", 54, True),
    (55, 10, Keyword("db.fn/cas"), 54, True),
    (55, 46, 48, 54, True),
    (55, 47, "(clojure.core/fn [db e a ov nv] (datomic.builtins/compare-and-swap db e a ov nv))", 54, True),
    (TX | 54, 50, Instant(0), 54, True), (0, 12, 56, 56, True), (0, 12, 57, 56, True), (0, 12, 58, 56, True),
    (0, 12, 59, 56, True), (0, 12, 60, 56, True), (0, 12, 61, 56, True), (0, 13, 62, 56, True),
    (56, 10, Keyword("db.type/uuid"), 56, True),
    (56, 39, Keyword("uuid"), 56, True),
    (57, 10, Keyword("db.type/double"), 56, True),
    (57, 39, Keyword("double"), 56, True),
    (58, 10, Keyword("db.type/float"), 56, True),
    (58, 39, Keyword("float"), 56, True),
    (59, 10, Keyword("db.type/uri"), 56, True),
    (59, 39, Keyword("uri"), 56, True),
    (60, 10, Keyword("db.type/bigint"), 56, True),
    (60, 39, Keyword("bigint"), 56, True),
    (61, 10, Keyword("db.type/bigdec"), 56, True),
    (61, 39, Keyword("bigdec"), 56, True),
    (62, 10, Keyword("db/doc"), 56, True),
    (62, 40, 23, 56, True), (62, 41, 35, 56, True), (62, 51, True, 56, True), (TX | 56, 50, Instant(0), 56, True),
    (0, 62,
     "Name of the system partition. The system partition includes the core of datomic, as well as user "
     "schemas: type definitions, attribute definitions, partition definitions, and data function "
     "definitions.", 63, True),
    (1, 62,
     "Primitive assertion. All transactions eventually reduce to a collection of primitive assertions and "
     "retractions of facts, e.g. [:db/add fred :age 42].", 63, True),
    (2, 62,
     "Primitive retraction. All transactions eventually reduce to a collection of assertions and "
     "retractions of facts, e.g. [:db/retract fred :age 42].", 63, True),
    (3, 62,
     "Partition used to store data about transactions. Transaction data always includes a :db/txInstant "
     "which is the transaction's timestamp, and can be extended to store other information at transaction "
     "granularity.", 63, True),
    (4, 62,
     "Name of the user partition. The user partition is analogous to the default namespace in a "
     "programming language, and should be used as a temporary home for data during interactive "
     "development.", 63, True),
    (8, 62,
     "System-assigned attribute set to true for transactions not fully incorporated into the index", 63, True),
    (9, 62,
     "System-assigned attribute for an id e in the log that has been changed to id v in the index", 63, True),
    (10, 62, "Attribute used to uniquely name an entity.", 63, True),
    (11, 62,
     "System attribute with type :db.type/ref. Asserting this attribute on :db.part/db with value v will "
     "install v as a partition.", 63, True),
    (12, 62,
     "System attribute with type :db.type/ref. Asserting this attribute on :db.part/db with value v will "
     "install v as a value type.", 63, True),
    (13, 62,
     "System attribute with type :db.type/ref. Asserting this attribute on :db.part/db with value v will "
     "install v as an attribute.", 63, True),
    (14, 62,
     "System attribute with type :db.type/ref. Asserting this attribute on :db.part/db with value v will "
     "install v as a data function.", 63, True),
    (19, 62,
     "System attribute with type :db.type/ref. Asserting this attribute on :db.part/db with value v will "
     "alter the definition of existing attribute v.", 63, True),
    (20, 62,
     "Value type for references. All references from one entity to another are through attributes with "
     "this value type.", 63, True),
    (21, 62,
     "Value type for keywords. Keywords are used as names, and are interned for efficiency. Keywords map "
     "to the native interned-name type in languages that support them.", 63, True),
    (22, 62,
     "Fixed integer value type. Same semantics as a Java long: 64 bits wide, two's complement binary "
     "representation.", 63, True),
    (23, 62, "Value type for strings.", 63, True),
    (24, 62, "Boolean value type.", 63, True),
    (25, 62,
     "Value type for instants in time. Stored internally as a number of milliseconds since midnight, "
     "January 1, 1970 UTC. Representation type will vary depending on the language you are using.", 63, True),
    (26, 62, "Value type for database functions. See Javadoc for Peer.function.", 63, True),
    (27, 62, "Value type for small binaries. Maps to byte array on the JVM.", 63, True),
    (35, 62,
     "One of two legal values for the :db/cardinality attribute. Specify :db.cardinality/one for single-"
     "valued attributes, and :db.cardinality/many for many-valued attributes.", 63, True),
    (36, 62,
     "One of two legal values for the :db/cardinality attribute. Specify :db.cardinality/one for single-"
     "valued attributes, and :db.cardinality/many for many-valued attributes.", 63, True),
    (37, 62,
     "Specifies that an attribute's value is unique. Attempts to create a new entity with a colliding "
     "value for a :db.unique/value will fail.", 63, True),
    (38, 62,
     "Specifies that an attribute's value is unique. Attempts to create a new entity with a colliding "
     "value for a :db.unique/value will become upserts.", 63, True),
    (39, 62,
     "Keyword-valued attribute of a value type that specifies the underlying fressian type used for "
     "serialization.", 63, True),
    (40, 62,
     "Property of an attribute that specifies the attribute's value type. Built-in value types include, "
     ":db.type/keyword, :db.type/string, :db.type/ref, :db.type/instant, :db.type/long, :db.type/bigdec, "
     ":db.type/boolean, :db.type/float, :db.type/uuid, :db.type/double, :db.type/bigint,  :db.type/uri.", 63, True),
    (41, 62,
     "Property of an attribute. Two possible values: :db.cardinality/one for single-valued attributes, and"
     " :db.cardinality/many for many-valued attributes. Defaults to :db.cardinality/one.", 63, True),
    (42, 62,
     "Property of an attribute. If value is :db.unique/value, then attribute value is unique to each "
     "entity. Attempts to insert a duplicate value for a temporary entity id will fail. If value is "
     ":db.unique/identity, then attribute value is unique, and upsert is enabled. Attempting to insert a "
     "duplicate value for a temporary entity id will cause all attributes associated with that temporary "
     "id to be merged with the entity already in the database. Defaults to nil.", 63, True),
    (43, 62,
     "Property of attribute whose vtype is :db.type/ref. If true, then the attribute is a component of the"
     " entity referencing it. When you query for an entire entity, components are fetched automatically. "
     "Defaults to nil.", 63, True),
    (44, 62,
     "Property of an attribute. If true, create an AVET index for the attribute. Defaults to false.", 63, True),
    (45, 62,
     "Property of an attribute. If true, past values of the attribute are not retained after indexing. "
     "Defaults to false.", 63, True),
    (46, 62,
     "Attribute of a data function. Value is a keyword naming the implementation language of the function."
     " Legal values are :db.lang/java and :db.lang/clojure", 63, True),
    (47, 62, "String-valued attribute of a data function that contains the function's source code.", 63, True),
    (48, 62,
     "Value of :db/lang attribute, specifying that a data function is implemented in Clojure.", 63, True),
    (49, 62, "Value of :db/lang attribute, specifying that a data function is implemented in Java.", 63, True),
    (50, 62,
     "Attribute whose value is a :db.type/instant. A :db/txInstant is recorded automatically with every "
     "transaction.", 63, True),
    (51, 62,
     "Property of an attribute. If true, create a fulltext search index for the attribute. Defaults to "
     "false.", 63, True),
    (52, 62, "A function-valued attribute for direct use by transactions and queries.", 63, True),
    (54, 62,
     "Retract all facts about an entity, including references from other entities and component attributes"
     " recursively.", 63, True),
    (55, 62, "Compare and swap the value of an entity's attribute.", 63, True),
    (56, 62, "Value type for UUIDs. Maps to java.util.UUID on the JVM.", 63, True),
    (57, 62,
     "Floating point value type. Same semantics as a Java double: double-precision 64-bit IEEE 754 "
     "floating point.", 63, True),
    (58, 62,
     "Floating point value type. Same semantics as a Java float: single-precision 32-bit IEEE 754 floating"
     " point.", 63, True),
    (59, 62, "Value type for URIs. Maps to java.net.URI on the JVM.", 63, True),
    (60, 62,
     "Value type for arbitrary precision integers. Maps to java.math.BigInteger on the JVM.", 63, True),
    (61, 62,
     "Value type for arbitrary precision floating point numbers. Maps to java.math.BigDecimal on the JVM.", 63, True),
    (62, 62, "Documentation string for an entity.", 63, True),
    (TX | 63, 50, Instant(0), 63, True), (0, 12, 63, 64, True), (0, 12, 64, 64, True), (0, 13, 65, 64, True),
    (63, 10, Keyword("db.type/tuple"), 64, True),
    (63, 39, Keyword("list"), 64, True),
    (64, 10, Keyword("db.type/symbol"), 64, True),
    (64, 39, Keyword("sym"), 64, True),
    (65, 10, Keyword("db/tupleType"), 64, True),
    (65, 40, 21, 64, True), (65, 41, 35, 64, True), (TX | 64, 50, Instant(0), 64, True), (0, 13, 66, 66, True),
    (0, 13, 67, 66, True), (0, 13, 68, 66, True), (0, 13, 69, 66, True), (0, 13, 70, 66, True),
    (0, 13, 71, 66, True),
    (66, 10, Keyword("db/tupleTypes"), 66, True),
    (66, 40, 63, 66, True), (66, 41, 35, 66, True),
    (66, 65, Keyword("db.type/keyword"), 66, True),
    (67, 10, Keyword("db/tupleAttrs"), 66, True),
    (67, 40, 63, 66, True), (67, 41, 35, 66, True),
    (67, 65, Keyword("db.type/keyword"), 66, True),
    (68, 10, Keyword("db/ensure"), 66, True),
    (68, 40, 20, 66, True), (68, 41, 36, 66, True),
    (69, 10, Keyword("db.entity/attrs"), 66, True),
    (69, 40, 21, 66, True), (69, 41, 36, 66, True),
    (70, 10, Keyword("db.entity/preds"), 66, True),
    (70, 40, 64, 66, True), (70, 41, 36, 66, True),
    (71, 10, Keyword("db.attr/preds"), 66, True),
    (71, 40, 64, 66, True), (71, 41, 36, 66, True), (TX | 66, 50, Instant(0), 66, True),
)

"""Writing of values that recursion or the C packers cannot write: nested to any depth, or with 32-bit floats.

Slower (one Python step a value) and rarely needed; the rules for scalars, tags and the cache are those of the
same tree writers, so the bytes are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import msgpack
import orjson

from ..model.values import EdnList, Float32, Keyword, Tagged
from .members import MAP_TAG, SET_TAG
from .transit_rules import MAP_MARK, as_jackson
from .transit_writer import JsonWriter, MsgpackWriter, TreeWriter

__all__ = ("deep_json", "deep_msgpack")

_VALUE, _LEAF, _ARRAY, _MAP, _END = range(5)
_Step = tuple[int, Any]


class _Sink(Protocol):
    flat_maps: bool

    def leaf(self, tree: Any) -> None: ...
    def open(self, count: int, is_map: bool) -> None: ...
    def close(self) -> None: ...
    def bytes(self) -> bytes: ...


def _whole(tree: Any) -> Any:
    """Text that can be encoded: for half a surrogate pair, which a function may have cut, Java writes ``?``."""
    return tree.encode("utf-8", "replace").decode() if isinstance(tree, str) and not tree.isascii() else tree


def deep_json(value: Any) -> bytes:
    """As ``transit.json.encode``, for a value of any depth."""
    return _write(value, JsonWriter(), _JsonSink())


def deep_msgpack(value: Any) -> bytes:
    """As ``transit.msgpack.encode``, for a value of any depth."""
    return _write(value, MsgpackWriter(), _MsgpackSink())


def _write(value: Any, writer: TreeWriter, sink: _Sink) -> bytes:
    start = iter([(_VALUE, Tagged("'", value) if writer.is_scalar(value) else value)])
    stack: list[Iterator[_Step]] = [start]
    while stack:
        for kind, item in stack[-1]:
            if kind == _VALUE:
                steps = _steps(item, writer, sink.flat_maps)
                if steps is None:
                    sink.leaf(writer.value(item))
                else:
                    stack.append(steps)
                    break
            elif kind == _LEAF:
                sink.leaf(item)
            elif kind == _END:
                sink.close()
            else:
                sink.open(item, kind == _MAP)
        else:
            stack.pop()
    return sink.bytes()


def _steps(item: Any, writer: TreeWriter, flat_maps: bool) -> Iterator[_Step] | None:
    """The steps that write a collection, made while they are taken: the cache sees them in order."""
    if hasattr(item, "plain"):
        item = item.plain()
    if isinstance(item, EdnList):
        return _tagged("list", tuple(item), writer)
    if isinstance(item, (tuple, list)):
        return _array(item)
    if isinstance(item, (frozenset, set)):
        return _tagged("set", tuple(item), writer)
    if isinstance(item, dict):
        return _map(list(item.items()), writer, flat_maps)
    if isinstance(item, Tagged):
        if item.tag == SET_TAG:
            return _tagged("set", item.value, writer)
        if item.tag == MAP_TAG:
            return _map(list(zip(item.value[::2], item.value[1::2])), writer, flat_maps)
        if len(item.tag) != 1 or type(item.value) is not str or item.tag == "'":
            return _tagged(item.tag, item.value, writer)
    return None


def _array(items: Any) -> Iterator[_Step]:
    yield _ARRAY, len(items)
    for item in items:
        yield _VALUE, item
    yield _END, None


def _tagged(tag: str, value: Any, writer: TreeWriter) -> Iterator[_Step]:
    yield _ARRAY, 2
    yield _LEAF, writer.tag(tag)
    yield _VALUE, value
    yield _END, None


def _map(pairs: list[tuple[Any, Any]], writer: TreeWriter, flat_maps: bool) -> Iterator[_Step]:
    if not all(type(key) is Keyword or writer.is_scalar(key) for key, _ in pairs):
        yield from _tagged("cmap", [part for pair in pairs for part in pair], writer)
        return
    if flat_maps:
        yield _ARRAY, 2 * len(pairs) + 1
        yield _LEAF, MAP_MARK
    else:
        yield _MAP, len(pairs)
    for key, item in pairs:
        yield _LEAF, writer.key(key)
        yield _VALUE, item
    yield _END, None


class _JsonSink:
    flat_maps = True

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._first = True

    def leaf(self, tree: Any) -> None:
        body = as_jackson(orjson.dumps(_whole(tree)))
        self._parts.append(body if self._first else b"," + body)
        self._first = False

    def open(self, count: int, is_map: bool) -> None:
        self._parts.append(b"[" if self._first else b",[")
        self._first = True

    def close(self) -> None:
        self._parts.append(b"]")
        self._first = False

    def bytes(self) -> bytes:
        return b"".join(self._parts)


class _MsgpackSink:
    flat_maps = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._packer = msgpack.Packer(use_bin_type=False)
        self._single = msgpack.Packer(use_bin_type=False, use_single_float=True)

    def leaf(self, tree: Any) -> None:
        self._parts.append((self._single if isinstance(tree, Float32) else self._packer).pack(_whole(tree)))

    def open(self, count: int, is_map: bool) -> None:
        self._parts.append(self._packer.pack_map_header(count) if is_map else self._packer.pack_array_header(count))

    def close(self) -> None:
        pass

    def bytes(self) -> bytes:
        return b"".join(self._parts)

"""Case files: sequences of EDN maps with steps, and the tags that stand for ids, instants and bags in them.

Tags stay :class:`~peerserver.model.values.Tagged` (``case/eid`` …) until ``world`` gives them a meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from peerserver.codec import edn
from peerserver.model.values import Keyword, Tagged

__all__ = ("Case", "load", "plain")

Step = dict[str, Any]


@attrs.frozen
class Case:
    """One recorded case. ``fixture`` are the steps that run first; each step's keys are plain names."""

    id: str
    topic: str
    fixture: Sequence[Step]
    steps: Sequence[Step]


def plain(form: dict[Any, Any]) -> dict[str, Any]:
    """A map with its keyword keys as text."""
    return {key.text if isinstance(key, Keyword) else str(key): value for key, value in form.items()}


def _tag(tag: str, value: Any) -> Any:
    return Tagged(tag, value)


def _forms(path: Path) -> Iterator[dict[Any, Any]]:
    for form in edn.read_all(path.read_text(encoding="utf-8"), _TAGS):
        yield from form if isinstance(form, tuple) else (form,)


_TAGS = {
    f"case/{name}": (lambda value, name=name: _tag(f"case/{name}", value))
    for name in ("bag", "bytes", "db", "double", "eid", "float", "id", "implicit-part", "inst", "log", "object", "ratio",
                 "t", "tempid", "tx", "uri", "now+")
}


def _fixtures(expected: Path) -> dict[Keyword, Sequence[Step]]:
    path = expected.parent.parent / "cases" / "fixtures.edn"
    if not path.exists():
        return {}
    (form,) = _forms(path)
    return {name: [plain(step) for step in steps] for name, steps in form.items()}


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            folder = path / "expected"
            if not folder.is_dir():
                raise SystemExit(f"{path}: has no folder named expected; name one that has, or expected files")
            yield from sorted(folder.glob("*.edn"))
        elif path.is_file():
            yield path
        else:
            raise SystemExit(f"{path}: no such file or folder")


def load(paths: Iterable[Path]) -> Iterator[Case]:
    """All cases of folders (which hold ``expected/``) and of single expected files."""
    for file in _files(paths):
        fixtures = _fixtures(file)
        for form in _forms(file):
            case = plain(form)
            name = case.get("fixture")
            yield Case(case["id"], file.stem, fixtures[name] if name else (), [plain(step) for step in case["steps"]])

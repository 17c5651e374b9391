"""Pull: patterns read, and entities turned into nested maps by them."""

from __future__ import annotations

from .execute import pull, pull_many
from .index_pull import PullRange, index_pull
from .parse import parse_pattern
from .pattern import Pattern

__all__ = ("Pattern", "PullRange", "index_pull", "parse_pattern", "pull", "pull_many")

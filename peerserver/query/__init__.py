"""Datalog on columns: parse, plan, execute. See docs/query.md."""

from .ast import Query
from .budget import Budget
from .engine import execute, run_query
from .find import Result
from .parse import parse_query

__all__ = ("Budget", "Query", "Result", "execute", "parse_query", "run_query")

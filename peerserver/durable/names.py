"""Names of records and keys of values in a storage service."""

from __future__ import annotations

from typing import Final

__all__ = ("CATALOGUE", "LEASE", "SECRET", "log_key", "root_name")

#: which transactor is active, and where it listens
LEASE: Final = "peerserver/transactor"
#: what peers show to the transactor
SECRET: Final = "peerserver/secret"
#: database name → id
CATALOGUE: Final = "peerserver/databases"


def root_name(database_id: str) -> str:
    """The record of a database's root."""
    return f"peerserver/root/{database_id}"


def log_key(database_id: str, first_t: int, unique: str) -> str:
    """A key for a part of the log. ``unique``: what no other writer uses."""
    return f"{database_id}/log/{first_t}-{unique}"

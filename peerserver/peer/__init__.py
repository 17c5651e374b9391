"""Connections: how a peer follows a database and writes to it."""

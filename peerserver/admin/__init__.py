"""Commands of an administrator: databases are created, deleted, renamed and listed."""

"""A database in storage: its root record, its log, its index; the lease of its writer."""

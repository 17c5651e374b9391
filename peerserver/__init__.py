"""The Datomic Peer Server, and everything behind it, in Python."""

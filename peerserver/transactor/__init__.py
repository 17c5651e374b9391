"""Transactors: who decides the order of a database's transactions."""

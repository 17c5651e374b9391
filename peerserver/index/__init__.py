"""Sorted runs of datom columns, the memory index's tail, the dictionary: where datoms are kept and found."""

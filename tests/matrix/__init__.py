"""The same conformance cases on every storage, through real processes, and again after each of them was killed."""

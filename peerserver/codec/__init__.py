"""Text and wire forms of values: EDN (:mod:`.edn`) and transit (:mod:`.transit`). Pure: bytes in, values out.

What is not decided here: what a request may contain, and which HTTP body is which format (``web``).
"""

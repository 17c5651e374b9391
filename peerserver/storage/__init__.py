"""Storage services: immutable values by key, and a few records changed by compare-and-set.

One module per service, each an :class:`~peerserver.storage.interfaces.IStorage`; ``uri`` reads and masks database
URIs. What the bytes mean is not decided here.
"""

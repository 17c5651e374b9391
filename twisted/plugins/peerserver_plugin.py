"""Makes ``twistd peer-server`` and ``twist peer-server`` known: it imports nothing of ours, so that
their --help stays fast.
"""

from twisted.application.service import ServiceMaker

peer_server = ServiceMaker(
    "Datomic peer server", "peerserver.service", "Serves Datomic databases to Datomic clients", "peer-server"
)

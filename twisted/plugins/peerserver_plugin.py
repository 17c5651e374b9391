"""Makes ``twistd peer-server`` and ``twistd transactor`` known (and under twist): it imports nothing of ours, so that
their --help stays fast.
"""

from twisted.application.service import ServiceMaker

peer_server = ServiceMaker(
    "Datomic peer server", "peerserver.service", "Serves Datomic databases to Datomic clients", "peer-server"
)
transactor = ServiceMaker(
    "Datomic transactor", "peerserver.transactor.service", "Writes databases to storage, for peer servers", "transactor"
)

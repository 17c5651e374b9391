"""What peers and transactors say to one another: frames, messages, the handshake, the encrypted channel."""

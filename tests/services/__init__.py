"""Real servers for the tests, started on free loopback ports with throw-away folders."""

"""The transactor as its operator sees it: properties, command line, processes."""

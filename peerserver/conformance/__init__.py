"""Runs recorded cases of Datomic's behaviour against this server, through its own operation dispatch and encoding."""

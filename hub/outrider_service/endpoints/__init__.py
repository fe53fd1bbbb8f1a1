"""Endpoints: the ports that jobs listen on, for people (a host of their own) and for programs (a path)."""

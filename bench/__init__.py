"""Benchmarks against the peers: `python -m bench`, or `make bench`."""

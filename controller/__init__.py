"""Turns incidents and engine statistics into leases, and relaxes them step by step."""

"""A pretend internet on loopback: DNS zones, SNDS, mailbox providers that judge; for demo and tests."""

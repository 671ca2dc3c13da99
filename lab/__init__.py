"""A pretend internet on loopback: DNS zones, SNDS, mailbox providers that judge. Real sockets only."""

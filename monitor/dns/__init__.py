"""A small DNS client: message is the wire, exchange who waits for what, pace how fast, client the sockets."""

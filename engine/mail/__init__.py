"""What is in a message: signatures, reports, addresses. Bytes in, values or bytes out; no sockets, no time."""

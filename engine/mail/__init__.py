"""What is in a message: signatures, reports, addresses. Bytes in, bytes or values out; no sockets or time."""

"""SMTP as bytes in, events out, bytes out, for both sides. Knows no socket, no clock and no event loop."""

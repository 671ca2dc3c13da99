"""TCP ports on loopback that are free, for servers that cannot say which one the system gave them."""

import random
import socket
from typing import Final

_FIRST, _LAST = 10_000, 32_000
"""Below the range that the system takes ports from by itself (ip(7), ip_local_port_range): no connection that
somebody opens meanwhile takes one of these away."""
_TRIES: Final = 1_000
_dice: Final = random.SystemRandom()  # processes that were forked must not draw the same


def free_port(host: str = "127.0.0.1") -> int:
    """A port that is free now. Raises OSError when none is found."""
    for _ in range(_TRIES):
        port = _dice.randrange(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port on {host} between {_FIRST} and {_LAST}")

"""Where a socket listens, as people write it."""

from tidegate.config.yaml_reader import Document, Path


def address_port(document: Document, path: Path, listen: str) -> None:
    """Refuse what is not ADDRESS:PORT, an IPv6 address in brackets."""
    address, colon, port = listen.rpartition(":")
    bare = address.removeprefix("[").removesuffix("]")
    right = colon and bare and port.isdecimal() and 0 <= int(port) <= 65_535
    if right and (":" not in bare or address.startswith("[")):
        return
    document.refuse(
        path, f"{listen!r} is not an address and a port", "write it like 127.0.0.1:2525 or [::1]:2525"
    )

"""Styles, scripts and the icon: read once, compressed once, named by their content, kept for ever."""

import gzip
import hashlib
import mimetypes
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

router = APIRouter(include_in_schema=False)

HERE = files("tidegate.web") / "assets"
_FOR_EVER = "public, max-age=31536000, immutable"
_OWN = ("monitor.css", "monitor.js", "icon.svg")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent; `address` carries its checksum, so that it may be cached for ever."""

    name: str
    content: bytes
    packed: bytes
    kind: str

    @property
    def address(self) -> str:
        stem, _, ending = self.name.rpartition(".")
        return f"/assets/{stem}.{hashlib.sha256(self.content).hexdigest()[:12]}.{ending}"


class Assets:
    """Every asset by name."""

    def __init__(self, assets: Mapping[str, Asset]) -> None:
        self._by_name = assets
        self._by_address = {asset.address: asset for asset in assets.values()}

    def __getitem__(self, name: str) -> str:
        """The address of a file."""
        return self._by_name[name].address

    def find(self, address: str) -> Asset | None:
        return self._by_address.get(address)

    @property
    def packed_bytes(self) -> int:
        """What a first visit costs."""
        return sum(len(asset.packed) for asset in self._by_name.values())


def load() -> Assets:
    """Our own files and the vendored ones that the manifest names."""
    found = [_asset(HERE / name) for name in _OWN]
    found += [_asset(HERE / "vendor" / entry["file"]) for entry in manifest()]
    return Assets({asset.name: asset for asset in found})


def manifest() -> list[dict[str, Any]]:
    """What is vendored: name, version, licence, file and sha256 of each."""
    listed = tomllib.loads((HERE / "vendor" / "vendor.toml").read_text(encoding="utf-8"))
    return list(listed["vendored"])


def _asset(path: Traversable) -> Asset:
    content = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    kind = "text/javascript" if path.name.endswith(".js") else kind
    return Asset(path.name, content, gzip.compress(content, 9, mtime=0), f"{kind}; charset=utf-8")


@router.get("/assets/{name}")
async def asset(request: Request, name: str) -> Response:
    """A file, for whoever asks: the sign-in page needs them."""
    assets: Assets = request.app.state.assets
    found = assets.find(f"/assets/{name}")
    if found is None:
        return PlainTextResponse("there is no such file", 404)
    headers = {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=found.kind)
    return Response(found.content, headers=headers, media_type=found.kind)

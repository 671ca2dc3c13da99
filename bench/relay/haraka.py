"""Haraka: its own queue and outbound, one node process (a cluster gains nothing on two cores).

It opens a connection for every delivery (outbound/client_pool.js), and so it is measured.
"""

import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from bench.relay import packages
from bench.relay.contender import Relay, Site
from bench.relay.load import tool, until_listening
from bench.relay.processes import launched
from lab.ports import free_port

_VERSION = "3.3.4"
_PLUGIN = """\
'use strict';
exports.hook_lookup_rdns = (next) => next(OK, 'localhost');
exports.hook_rcpt = (next, connection) => {{ connection.relaying = true; next(OK); }};
exports.hook_get_mx = (next) => next(OK, {{ priority: 0, exchange: '127.0.0.1', port: {sink} }});
"""


@dataclass(frozen=True, slots=True)
class Haraka:
    """From npm. It writes queue files through a stream that calls fsync."""

    name: str = "haraka"

    async def version(self) -> str:
        node = await packages.said("node", "--version")
        await packages.from_npm("Haraka", _VERSION)
        return f"{_VERSION} (node {node.removeprefix('v')})"

    @contextlib.asynccontextmanager
    async def running(self, site: Site) -> AsyncIterator[Relay]:
        port = free_port()
        program = await packages.from_npm("Haraka", _VERSION)
        for name in ("config", "plugins", "queue"):
            (site.folder / name).mkdir()
        shutil.copy(program / "config/connection.ini", site.folder / "config")
        for path, text in _files(port, site.sink_port).items():
            (site.folder / path).write_text(text)
        script = [tool("node", "nodejs"), str(program / "bin/haraka"), "-c", str(site.folder)]
        async with launched([*site.wrapper, *script], site.folder) as group:
            await until_listening(port, group)
            yield Relay(port, group)


def _files(port: int, sink: int) -> Mapping[str, str]:
    return {
        "package.json": json.dumps({"name": "bench", "version": "1.0.0"}),
        "plugins/bench_relay.js": _PLUGIN.format(sink=sink),
        "config/plugins": "bench_relay\n",
        "config/smtp.ini": f"listen=127.0.0.1:{port}\nnodes=0\n",
        "config/outbound.ini": "concurrency_max=100\nenable_tls=false\nlocal_mx_ok=true\n",
        "config/log.ini": "[main]\nlevel=notice\nformat=default\n",
        "config/me": "mx.haraka.test\n",
        "config/host_list": "",
    }

"""A peer's plugin server, as its own runtime module starts it.

The released servers hand `ssl_cert_reqs` to uvicorn as text, which `ssl` refuses. That one value is made a
number here, unless INTEROP_AS_RELEASED is set: then the server is exactly what its users get.
"""

import asyncio
import os

import uvicorn
from framework import part

if not os.environ.get("INTEROP_AS_RELEASED"):
    released = uvicorn.Config.__init__

    def patched(self, *args, **kwargs):
        if "ssl_cert_reqs" in kwargs:
            kwargs["ssl_cert_reqs"] = int(kwargs["ssl_cert_reqs"])
        released(self, *args, **kwargs)

    uvicorn.Config.__init__ = patched

asyncio.run(part("external.mcp.server.runtime").run())

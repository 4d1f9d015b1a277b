from mcp import Client, StdioServerParameters
from mcp.client.auth import AuthorizationCodeResult
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

from oauth import provider
from tasks import api_of, child, headers, progressing, run


async def connected(target, then):
    mode = "auto" if target.get("era") == "modern" else "legacy"
    if "url" in target:
        auth = provider(target["url"], lambda back: AuthorizationCodeResult(**back)) if target.get("oauth") else None
        http = create_mcp_http_client(headers=headers, auth=auth)
        server = streamable_http_client(target["url"], http_client=http)
    else:
        server = StdioServerParameters(**child)
    async with Client(server, mode=mode) as client:
        with_progress = progressing(client.call_tool, "progress_callback")
        await then(api_of(client, instructions=lambda: client.instructions, with_progress=with_progress))


run(connected)

from agents.mcp import MCPServerStdio, MCPServerStreamableHttp

from tasks import api_of, child, headers, run


async def connected(target, then):
    if "url" in target:
        params = {"url": target["url"], "headers": headers}
        server = MCPServerStreamableHttp(params=params, client_session_timeout_seconds=60)
    else:
        server = MCPServerStdio(params=child, client_session_timeout_seconds=60)
    async with server:
        await then(api_of(server))


run(connected)

from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from pydantic_ai.mcp import MCPToolset

from tasks import api_of, child, headers, run


async def connected(target, then):
    if "url" in target:
        transport = StreamableHttpTransport(target["url"], headers=headers)
    else:
        transport = StdioTransport(**child)
    async with MCPToolset(transport) as toolset:
        await then(api_of(toolset, call=toolset.direct_call_tool))


run(connected)

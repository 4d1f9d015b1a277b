from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from pydantic_ai.mcp import MCPToolset

from tasks import run


class Api:
    def __init__(self, toolset):
        self.toolset = toolset

    async def tools(self):
        return await self.toolset.list_tools()

    async def call(self, name, args):
        return await self.toolset.direct_call_tool(name, args)

    async def resources(self):
        return [vars(one) for one in await self.toolset.list_resources()]

    async def read(self, uri):
        return await self.toolset.read_resource(uri)


async def connected(target, then):
    if "url" in target:
        transport = StreamableHttpTransport(target["url"], headers=target.get("headers"))
    else:
        transport = StdioTransport(target["command"], target["args"], env=target.get("env"))
    async with MCPToolset(transport) as toolset:
        await then(Api(toolset))


run(connected)

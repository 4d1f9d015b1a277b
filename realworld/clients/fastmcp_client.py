from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport

from tasks import run


class Api:
    def __init__(self, client):
        self.client = client

    async def tools(self):
        return await self.client.list_tools()

    async def call(self, name, args):
        result = await self.client.call_tool(name, args)
        return {"content": result.content, "structured": result.structured_content, "isError": result.is_error}

    async def with_progress(self, name, args):
        told = []

        async def tell(*values):
            told.append(values)

        result = await self.client.call_tool(name, args, progress_handler=tell)
        return {"result": result.content, "told": told}

    async def prompts(self):
        return await self.client.list_prompts()

    async def prompt(self, name, args):
        return await self.client.get_prompt(name, args)

    async def resources(self):
        return await self.client.list_resources()

    async def read(self, uri):
        return await self.client.read_resource(uri)


async def connected(target, then):
    if "url" in target:
        # It opens a browser, which is what the variable BROWSER names.
        auth = "oauth" if target.get("oauth") else None
        transport = StreamableHttpTransport(target["url"], headers=target.get("headers"), auth=auth)
    else:
        transport = StdioTransport(target["command"], target["args"], env=target.get("env"))
    async with Client(transport) as client:
        await then(Api(client))


run(connected)

from mcp import Client, StdioServerParameters
from mcp.client.auth import AuthorizationCodeResult
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

from oauth import provider
from tasks import run


class Api:
    def __init__(self, client):
        self.client = client

    def instructions(self):
        return self.client.instructions

    async def tools(self):
        return (await self.client.list_tools()).tools

    async def call(self, name, args):
        return await self.client.call_tool(name, args)

    async def with_progress(self, name, args):
        told = []

        async def tell(*values):
            told.append(values)

        return {"result": await self.client.call_tool(name, args, progress_callback=tell), "told": told}

    async def prompts(self):
        return (await self.client.list_prompts()).prompts

    async def prompt(self, name, args):
        return await self.client.get_prompt(name, args)

    async def resources(self):
        return (await self.client.list_resources()).resources

    async def read(self, uri):
        return await self.client.read_resource(uri)


async def connected(target, then):
    mode = "auto" if target.get("era") == "modern" else "legacy"
    if "url" in target:
        auth = provider(target["url"], lambda back: AuthorizationCodeResult(**back)) if target.get("oauth") else None
        http = create_mcp_http_client(headers=target.get("headers"), auth=auth)
        server = streamable_http_client(target["url"], http_client=http)
    else:
        server = StdioServerParameters(command=target["command"], args=target["args"], env=target.get("env"))
    async with Client(server, mode=mode) as client:
        await then(Api(client))


run(connected)

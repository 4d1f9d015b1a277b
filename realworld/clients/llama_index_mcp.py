from llama_index.tools.mcp import BasicMCPClient

from tasks import run


class Api:
    def __init__(self, client):
        self.client = client

    async def tools(self):
        return (await self.client.list_tools()).tools

    async def call(self, name, args):
        return await self.client.call_tool(name, args)

    async def prompts(self):
        return (await self.client.list_prompts()).prompts

    async def prompt(self, name, args):
        return await self.client.get_prompt(name, args)

    async def resources(self):
        return (await self.client.list_resources()).resources

    async def read(self, uri):
        return await self.client.read_resource(uri)


async def connected(target, then):
    if "url" in target:
        client = BasicMCPClient(target["url"], headers=target.get("headers"), timeout=60)
    else:
        client = BasicMCPClient(target["command"], args=target["args"], env=target.get("env"), timeout=60)
    await then(Api(client))


run(connected)

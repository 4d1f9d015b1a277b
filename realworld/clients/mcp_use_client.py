from mcp_use import MCPClient

from tasks import run


class Api:
    def __init__(self, session):
        self.session = session

    async def tools(self):
        return await self.session.list_tools()

    async def call(self, name, args):
        return await self.session.call_tool(name, args)

    async def prompts(self):
        return await self.session.list_prompts()

    async def prompt(self, name, args):
        return await self.session.get_prompt(name, args)

    async def resources(self):
        return await self.session.list_resources()

    async def read(self, uri):
        return await self.session.read_resource(uri)


async def connected(target, then):
    if "url" in target:
        server = {"url": target["url"], "headers": target.get("headers") or {}}
    else:
        server = {"command": target["command"], "args": target["args"], "env": target.get("env") or {}}
    client = MCPClient({"mcpServers": {"one": server}})
    await then(Api(await client.create_session("one")))


run(connected)

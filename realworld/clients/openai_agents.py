from agents.mcp import MCPServerStdio, MCPServerStreamableHttp

from tasks import run


class Api:
    def __init__(self, server):
        self.server = server

    async def tools(self):
        return await self.server.list_tools()

    async def call(self, name, args):
        return await self.server.call_tool(name, args)

    async def prompts(self):
        return (await self.server.list_prompts()).prompts

    async def prompt(self, name, args):
        return await self.server.get_prompt(name, args)


async def connected(target, then):
    if "url" in target:
        params = {"url": target["url"], "headers": target.get("headers") or {}}
        server = MCPServerStreamableHttp(params=params, client_session_timeout_seconds=60)
    else:
        params = {"command": target["command"], "args": target["args"], "env": target.get("env") or {}}
        server = MCPServerStdio(params=params, client_session_timeout_seconds=60)
    async with server:
        await then(Api(server))


run(connected)

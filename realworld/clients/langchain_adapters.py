from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools

from tasks import run


class Api:
    def __init__(self, session, tools):
        self.session, self.loaded = session, {one.name: one for one in tools}

    def tools(self):
        return [
            {"name": one.name, "description": one.description, "inputSchema": one.args_schema}
            for one in self.loaded.values()
        ]

    async def call(self, name, args):
        return await self.loaded[name].ainvoke(args)

    async def prompt(self, name, args):
        return await self.session.get_prompt(name, args)


async def connected(target, then):
    if "url" in target:
        server = {"transport": "streamable_http", "url": target["url"], "headers": target.get("headers")}
    else:
        server = {"transport": "stdio", "command": target["command"], "args": target["args"], "env": target.get("env")}
    async with MultiServerMCPClient({"one": server}).session("one") as session:
        await then(Api(session, await load_mcp_tools(session)))


run(connected)

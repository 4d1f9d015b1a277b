from types import SimpleNamespace

from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools

from tasks import child, headers, run


async def connected(target, then):
    if "url" in target:
        server = {"transport": "streamable_http", "url": target["url"], "headers": headers}
    else:
        server = {"transport": "stdio", **child}
    async with MultiServerMCPClient({"one": server}).session("one") as session:
        loaded = {one.name: one for one in await load_mcp_tools(session)}

        def tools():
            return [
                {"name": one.name, "description": one.description, "inputSchema": one.args_schema}
                for one in loaded.values()
            ]

        async def call(name, args):
            return await loaded[name].ainvoke(args)

        await then(SimpleNamespace(tools=tools, call=call, prompt=session.get_prompt))


run(connected)

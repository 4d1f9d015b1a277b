from types import SimpleNamespace

from mcp import StdioServerParameters
from smolagents import MCPClient

from tasks import child, headers, run


async def connected(target, then):
    if "url" in target:
        server = {"url": target["url"], "transport": "streamable-http", "headers": headers}
    else:
        server = StdioServerParameters(**child)
    loaded = {one.name: one for one in MCPClient(server, structured_output=False).get_tools()}

    def tools():
        return [{"name": one.name, "description": one.description, "inputs": one.inputs} for one in loaded.values()]

    def call(name, args):
        # Its tools are functions, whose names have no hyphens.
        return loaded[name.replace("-", "_")](**args)

    await then(SimpleNamespace(tools=tools, call=call))


run(connected)

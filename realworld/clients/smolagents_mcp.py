from mcp import StdioServerParameters
from smolagents import MCPClient

from tasks import run


class Api:
    def __init__(self, tools):
        self.loaded = {one.name: one for one in tools}

    def tools(self):
        return [
            {"name": one.name, "description": one.description, "inputs": one.inputs} for one in self.loaded.values()
        ]

    def call(self, name, args):
        # Its tools are functions, whose names have no hyphens.
        return self.loaded[name.replace("-", "_")](**args)


async def connected(target, then):
    if "url" in target:
        server = {"url": target["url"], "transport": "streamable-http", "headers": target.get("headers")}
    else:
        server = StdioServerParameters(command=target["command"], args=target["args"], env=target.get("env"))
    client = MCPClient(server, structured_output=False)
    await then(Api(client.get_tools()))


run(connected)

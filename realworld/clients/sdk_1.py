from contextlib import AsyncExitStack

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client

from oauth import provider
from tasks import run


class Api:
    def __init__(self, session, opened):
        self.session, self.opened = session, opened

    def instructions(self):
        return self.opened.instructions

    async def tools(self):
        return (await self.session.list_tools()).tools

    async def call(self, name, args):
        return await self.session.call_tool(name, args)

    async def with_progress(self, name, args):
        told = []

        async def tell(*values):
            told.append(values)

        return {"result": await self.session.call_tool(name, args, progress_callback=tell), "told": told}

    async def prompts(self):
        return (await self.session.list_prompts()).prompts

    async def prompt(self, name, args):
        return await self.session.get_prompt(name, args)

    async def resources(self):
        return (await self.session.list_resources()).resources

    async def read(self, uri):
        return await self.session.read_resource(uri)


async def connected(target, then):
    async with AsyncExitStack() as stack:
        if "url" in target:
            url = target["url"]
            auth = provider(url, lambda back: (back["code"], back.get("state"))) if target.get("oauth") else None
            streams = await stack.enter_async_context(
                streamablehttp_client(url, headers=target.get("headers"), auth=auth)
            )
        else:
            server = StdioServerParameters(command=target["command"], args=target["args"], env=target.get("env"))
            streams = await stack.enter_async_context(stdio_client(server))
        session = await stack.enter_async_context(ClientSession(streams[0], streams[1]))
        await then(Api(session, await session.initialize()))


run(connected)

from contextlib import AsyncExitStack

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client

from oauth import provider
from tasks import api_of, child, headers, progressing, run


async def connected(target, then):
    async with AsyncExitStack() as stack:
        if "url" in target:
            url = target["url"]
            auth = provider(url, lambda back: (back["code"], back.get("state"))) if target.get("oauth") else None
            streams = await stack.enter_async_context(streamablehttp_client(url, headers=headers, auth=auth))
        else:
            streams = await stack.enter_async_context(stdio_client(StdioServerParameters(**child)))
        session = await stack.enter_async_context(ClientSession(streams[0], streams[1]))
        opened = await session.initialize()
        with_progress = progressing(session.call_tool, "progress_callback")
        await then(api_of(session, instructions=lambda: opened.instructions, with_progress=with_progress))


run(connected)

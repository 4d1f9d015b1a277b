from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport

from tasks import api_of, child, headers, progressing, run


async def connected(target, then):
    if "url" in target:
        # It opens a browser, which is what the variable BROWSER names.
        auth = "oauth" if target.get("oauth") else None
        transport = StreamableHttpTransport(target["url"], headers=headers, auth=auth)
    else:
        transport = StdioTransport(**child)
    async with Client(transport) as client:

        async def call(name, args, **more):
            result = await client.call_tool(name, args, **more)
            return {"content": result.content, "structured": result.structured_content, "isError": result.is_error}

        await then(api_of(client, call=call, with_progress=progressing(call, "progress_handler")))


run(connected)

from mcp_use import MCPClient

from tasks import api_of, child, headers, run


async def connected(target, then):
    server = {"url": target["url"], "headers": headers} if "url" in target else child
    client = MCPClient({"mcpServers": {"one": server}})
    await then(api_of(await client.create_session("one")))


run(connected)

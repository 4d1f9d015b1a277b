from llama_index.tools.mcp import BasicMCPClient

from tasks import api_of, child, headers, run


async def connected(target, then):
    if "url" in target:
        client = BasicMCPClient(target["url"], headers=headers, timeout=60)
    else:
        client = BasicMCPClient(child["command"], args=child["args"], env=child["env"], timeout=60)
    await then(api_of(client))


run(connected)

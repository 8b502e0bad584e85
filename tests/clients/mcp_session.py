"""One session of the Python MCP SDK. See README.md."""

from contextlib import AsyncExitStack, asynccontextmanager

import httpx2
import steps
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


class Session:
    def __init__(self, client, stack):
        self.client = client
        self.stack = stack
        self.protocol_version = client.protocol_version

    async def list(self, kind, cursor):
        return await getattr(self.client, f"list_{kind}")(cursor=cursor)

    async def call(self, tool, arguments, on_progress):
        return await self.client.call_tool(tool, arguments, progress_callback=on_progress)

    async def prompt(self, name, arguments):
        return await self.client.get_prompt(name, arguments)

    async def read(self, uri):
        return await self.client.read_resource(uri)

    async def listen_to_tools(self):
        await self.stack.enter_async_context(self.client.listen(tools_list_changed=True))


@asynccontextmanager
async def connect(url, era, token, on_message):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(headers=headers, timeout=steps.PATIENCE_SECONDS) as http:
        transport = streamable_http_client(url, http_client=http)
        client = Client(transport, mode=era, cache=None, log_level="info", message_handler=on_message)
        async with client, AsyncExitStack() as stack:
            yield Session(client, stack)


if __name__ == "__main__":
    steps.main(connect)

"""One session of fastmcp. See README.md."""

from contextlib import AsyncExitStack, asynccontextmanager

import steps
from fastmcp import Client
from mcp.client.subscriptions import listen


class Session:
    def __init__(self, client, stack):
        self.client = client
        self.stack = stack
        self.protocol_version = client.protocol_version

    async def list(self, kind, cursor):
        return await getattr(self.client, f"list_{kind}_mcp")(cursor=cursor)

    async def call(self, tool, arguments, on_progress):
        return await self.client.call_tool_mcp(tool, arguments, progress_handler=on_progress)

    async def prompt(self, name, arguments):
        return await self.client.get_prompt_mcp(name, arguments)

    async def read(self, uri):
        return await self.client.read_resource_mcp(uri)

    async def listen_to_tools(self):
        await self.stack.enter_async_context(listen(self.client.session, tools_list_changed=True))


@asynccontextmanager
async def connect(url, era, token, on_message):
    client = Client(url, auth=token, mode=era, message_handler=on_message, timeout=steps.PATIENCE_SECONDS)
    async with client, AsyncExitStack() as stack:
        yield Session(client, stack)


if __name__ == "__main__":
    steps.main(connect)

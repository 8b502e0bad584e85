"""An MCP server on the Python SDK: 2026-07-28, and the older versions with sessions.

An answer is an event stream, with CRLF, in the older versions; in 2026-07-28 it is JSON unless
something is told before it.
"""

import socket

import uvicorn
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("python", log_level="WARNING")


@server.tool()
def echo(text: str) -> str:
    """Say back what was said."""
    return text


@server.tool()
def delete_note(id: str) -> str:
    """Delete a note."""
    return f"Note {id} is gone."


@server.tool()
async def count(steps: int, context: Context) -> str:
    """Count, with a notification of progress at every step."""
    for step in range(1, min(steps, 100) + 1):
        await context.report_progress(step, steps)
    return f"Counted to {steps}."


@server.tool()
async def announce(context: Context) -> str:
    """Log something, and say that the tools changed."""
    await context.info("announced")
    await context.notify_tools_changed()
    # The older versions have a stream for the whole session instead of subscriptions.
    await context.session.send_tool_list_changed()
    return "Announced."


listener = socket.create_server(("127.0.0.1", 0))
print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
uvicorn.Server(uvicorn.Config(server.streamable_http_app(), log_level="warning")).run(sockets=[listener])

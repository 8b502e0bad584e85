// One session of the TypeScript SDK v2. See README.md.

import { Client, ProtocolError, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

import { main } from "./steps.mjs";

await main({
  open: (url, era, headers) => ({
    client: new Client({ name: "ts-v2", version: "1.0.0" }, { versionNegotiation: { mode: era } }),
    transport: new StreamableHTTPClientTransport(url, { requestInit: { headers } }),
  }),
  call: (client, params, options) => client.callTool(params, options),
  version: (client) => client.getNegotiatedProtocolVersion(),
  failure(error) {
    const { code, message, data, status } = error;
    if (error instanceof ProtocolError) return { error: { code, message, data } };
    return { exception: `${error.constructor.name}: ${message}`, status };
  },
});

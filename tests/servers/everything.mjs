// The reference server of the protocol's authors, on the TypeScript SDK v1: sessions, event streams
// with ids, and a GET stream.
//
// It listens on every interface at a port it is told; here it gets a free one of 127.0.0.1.

import { Server } from "node:http";

const listen = Server.prototype.listen;
Server.prototype.listen = function (_port, ...rest) {
  this.once("listening", () => console.log(`listening on 127.0.0.1:${this.address().port}`));
  return listen.call(this, 0, "127.0.0.1", ...rest);
};

await import("@modelcontextprotocol/server-everything/dist/transports/streamableHttp.js");

// OpenID providers (oidc-provider, certified) on free ports of 127.0.0.1, whose keys can be rotated:
// `POST /rotate` makes a new key, signs with it, and publishes it beside the one before.
//
// node openid.mjs COUNT AUDIENCE

import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [count, audience] = process.argv.slice(2);
const KEYS_KEPT = 2;

function makeKey(id) {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { ...privateKey.export({ format: "jwk" }), kid: id, alg: "ES256", use: "sig" };
}

function makeProvider(issuer, keys) {
  return new Provider(issuer, {
    jwks: { keys },
    clients: [
      {
        client_id: "agent",
        client_secret: "secret",
        grant_types: ["client_credentials"],
        id_token_signed_response_alg: "ES256",
        redirect_uris: [],
        response_types: [],
      },
    ],
    extraTokenClaims: () => ({ groups: ["team"] }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        getResourceServerInfo: () => ({
          scope: "",
          audience,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  });
}

for (let number = 0; number < Number(count); number += 1) {
  let keys = [];
  let provider;
  let rotations = 0;
  const rotate = (issuer) => {
    rotations += 1;
    // The first is the one that signs.
    keys = [makeKey(`key-${number}-${rotations}`), ...keys].slice(0, KEYS_KEPT);
    provider = makeProvider(issuer, keys).callback();
    return keys[0].kid;
  };
  const server = createServer((request, response) => {
    if (request.method === "POST" && request.url === "/rotate") {
      response.end(rotate(`http://127.0.0.1:${server.address().port}`));
    } else {
      provider(request, response);
    }
  });
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    rotate(`http://127.0.0.1:${port}`);
    console.log(`listening on 127.0.0.1:${port}`);
  });
}

// OpenID providers (oidc-provider, certified) on free ports of 127.0.0.1, whose keys can be rotated:
// `POST /rotate` makes a new key, signs with it, and publishes it beside the one before.
//
// node openid.mjs COUNT AUDIENCE [CERTIFICATE KEY]
//
// With a certificate and its key each is an issuer on another port, with TLS, too.

import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import Provider from "oidc-provider";

const [count, audience, cert, key] = process.argv.slice(2);
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
  let issuer;
  const serve = (request, response) => {
    if (request.method === "POST" && request.url === "/rotate") {
      response.end(rotate(issuer));
    } else {
      provider(request, response);
    }
  };
  const begin = (plain, secured) => {
    const { port } = plain.address();
    issuer = secured ? `https://127.0.0.1:${secured.address().port}` : `http://127.0.0.1:${port}`;
    rotate(issuer);
    console.log(`listening on 127.0.0.1:${port} as ${issuer}`);
  };
  const plain = http.createServer(serve);
  plain.listen(0, "127.0.0.1", () => {
    if (!cert) {
      begin(plain);
      return;
    }
    const files = { cert: readFileSync(cert), key: readFileSync(key) };
    const secured = https.createServer(files, serve);
    secured.listen(0, "127.0.0.1", () => begin(plain, secured));
  });
}

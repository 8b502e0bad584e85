// An authorization server as the tests need it: the gateway's own tokens (RFC 6749 section 4.4), and
// users' tokens exchanged (RFC 8693), which another issuer's keys must verify.

import { createServer } from 'node:http';

import { createLocalJWKSet, jwtVerify } from 'jose';
import Provider, { errors } from 'oidc-provider';

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const { CLIENT_SECRET, SUBJECT_ISSUER, SUBJECT_KEYS } = process.env;

const keys = createLocalJWKSet(JSON.parse(SUBJECT_KEYS));

const resourceServer = (audience) => ({
  audience,
  scope: 'notes',
  accessTokenFormat: 'jwt',
  accessTokenTTL: 300,
});

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    scopes: ['notes'],
    clients: [
      {
        client_id: 'gateway',
        client_secret: CLIENT_SECRET,
        grant_types: ['client_credentials', EXCHANGE],
        redirect_uris: [],
        response_types: [],
      },
    ],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        getResourceServerInfo: (_context, resource) => resourceServer(resource),
        useGrantedResource: () => true,
      },
    },
  });
  provider.registerGrantType(
    EXCHANGE,
    async (context) => {
      const { client, params } = context.oidc;
      let subject;
      try {
        const verified = await jwtVerify(params.subject_token, keys, { issuer: SUBJECT_ISSUER });
        subject = verified.payload.sub;
      } catch {
        throw new errors.InvalidGrant('the subject token is not accepted');
      }
      const token = new provider.AccessToken({
        accountId: subject,
        client,
        scope: params.scope,
        gty: 'token_exchange',
      });
      const info = resourceServer(params.resource);
      token.resourceServer = new provider.ResourceServer(params.resource, info);
      context.body = {
        access_token: await token.save(),
        issued_token_type: ACCESS_TOKEN,
        token_type: 'Bearer',
        expires_in: token.expiration,
        scope: token.scope,
      };
    },
    ['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'resource', 'scope'],
  );
  server.on('request', provider.callback());
  console.log(`listening on 127.0.0.1:${port}`);
});

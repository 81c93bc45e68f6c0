import { randomHex } from "../platform/random.ts";
import { answerWith, refuse } from "./answer.ts";
import { type Call, type Endpoint, justAnswer, nobody, type Outcome } from "./endpoint.ts";
import { type JsonObject, textAt, textUpTo } from "./fields.ts";
import { wireTime } from "./wire-time.ts";
import type { Link, World } from "./world.ts";

const GATEWAY_TOKEN_MS = 900_000;
/** OVO's partner page says 1 296 000 s. */
const CUSTOMER_TOKEN_MS = 15 * 86_400_000;
const REFRESH_TOKEN_MS = 365 * 86_400_000;

/** Get B2B Token (service 73). */
export const gatewayTokenEndpoint: Endpoint = {
  path: "/authorization/v1/access-token/b2b",
  service: "73",
  door: "token",
  needsCustomer: nobody,
  fields: [{ at: "grantType", required: true, form: /^client_credentials$/ }],
  facts: () => ({ phone: null, reference: null, amount: null }),
  run: issueGatewayToken,
};

/** Get B2B2C Token (service 74). An authCode may be exchanged any number of times while its link is active. */
export const customerTokenEndpoint: Endpoint = {
  path: "/authorization/v1/access-token/b2b2c",
  service: "74",
  door: "token",
  needsCustomer: nobody,
  fields: [
    { at: "grantType", required: true, form: /^(authorization_code|refresh_token)$/ },
    { at: "authCode", required: false, form: textUpTo(256) },
    { at: "refreshToken", required: false, form: textUpTo(512) },
  ],
  facts: (world, call) => ({ phone: linkOfGrant(world, call)?.phone ?? null, reference: null, amount: null }),
  run: issueCustomerToken,
};

function issueGatewayToken(world: World, { merchant }: Call): Outcome {
  const token = randomHex(32);
  world.gatewayTokens.set(token, {
    clientId: merchant.clientId,
    expiresAt: world.clock.now() + GATEWAY_TOKEN_MS,
  });
  world.newestToken.set(merchant.clientId, token);
  return justAnswer(
    answerWith("2007300", { accessToken: token, tokenType: "Bearer", expiresIn: 900, additionalInfo: "" }),
  );
}

function issueCustomerToken(world: World, call: Call): Outcome {
  const grant = grantField(call.body);
  if (textAt(call.body, grant) === null) return justAnswer(refuse("4007402", grant));
  const link = linkOfGrant(world, call);
  if (link?.state !== "active" || link.clientId !== call.merchant.clientId) {
    return justAnswer(refuse("4017400", "Invalid Authorization"));
  }
  const now = world.clock.now();
  const token = randomHex(32);
  const refreshToken = randomHex(32);
  world.customerTokens.set(token, { authCode: link.authCode, expiresAt: now + CUSTOMER_TOKEN_MS });
  world.refreshTokens.set(refreshToken, { authCode: link.authCode, expiresAt: now + REFRESH_TOKEN_MS });
  return justAnswer(
    answerWith("2007400", {
      accessToken: token,
      tokenType: "Bearer",
      accessTokenExpiryTime: wireTime(now + CUSTOMER_TOKEN_MS),
      refreshToken,
      refreshTokenExpiryTime: wireTime(now + REFRESH_TOKEN_MS),
      additionalInfo: {},
    }),
  );
}

function linkOfGrant(world: World, { body }: Call): Link | undefined {
  const grant = grantField(body);
  const text = textAt(body, grant) ?? "";
  if (grant === "authCode") return world.links.get(text);
  const refresh = world.refreshTokens.get(text);
  return refresh === undefined || refresh.expiresAt <= world.clock.now()
    ? undefined
    : world.links.get(refresh.authCode);
}

function grantField(body: JsonObject): "authCode" | "refreshToken" {
  return textAt(body, "grantType") === "refresh_token" ? "refreshToken" : "authCode";
}

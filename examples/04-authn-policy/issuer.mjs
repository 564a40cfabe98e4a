/**
 * `node issuer.mjs PORT`: an issuer of tokens for examples, which trusts everybody. GET /jwks.json is its key set; POST /token
 * signs the JSON claims of the body, with issuer, subject and an hour of life where they name none.
 */
import { generateKeyPairSync, sign } from "node:crypto";
import { createServer } from "node:http";

const KID = "example";
const ISSUER = "testing@secure.istio.io";
const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: KID, alg: "ES256", use: "sig" }] });
const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

function token(claims) {
  const now = Math.floor(Date.now() / 1000);
  const head = encode({ alg: "ES256", kid: KID, typ: "JWT" });
  const signed = `${head}.${encode({ iss: ISSUER, sub: ISSUER, iat: now, exp: now + 3600, ...claims })}`;
  const signature = sign("sha256", Buffer.from(signed), { key: privateKey, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}

const server = createServer(async (request, response) => {
  if (request.method === "GET" && request.url === "/jwks.json") return response.end(jwks);
  if (request.method !== "POST" || request.url !== "/token") return response.writeHead(404).end("not found\n");
  let body = "";
  for await (const chunk of request) body += chunk;
  try {
    response.end(token(body === "" ? {} : JSON.parse(body)));
  } catch (error) {
    response.writeHead(400).end(`${error.message}\n`);
  }
});
// Where pods are plain processes, each listens on an address of its own.
server.listen(Number(process.argv[2]), process.env.SYMBOLON_LISTEN_ADDRESS, () =>
  console.log(`issuer: listening on ${process.argv[2]}`),
);
// The first process of a container has no default action for signals.
process.on("SIGTERM", () => process.exit(0));

/** A client of the Workload API by our own SDK, on Node, Bun and Deno alike: see ../README.md. */
import { createX509Source } from "@symbolon/spiffe/source";
import { verifyJwtSvid } from "@symbolon/spiffe/svid";
import { allow, connectTls, createTlsServer } from "@symbolon/spiffe/tls";
import { createWorkloadApiClient } from "@symbolon/spiffe/workload-api";

function say(value: unknown): void {
  console.log(JSON.stringify(value));
}

async function fetchAll(): Promise<void> {
  const client = createWorkloadApiClient();
  const { svids, bundles } = await client.fetchX509Context();
  const own = svids[0]?.svid.spiffeId;
  if (!own) throw new Error("no SVID");
  const jwt = await client.fetchJwtSvid({ audience: ["one", "two"] });
  const bySubject = await client.fetchJwtSvid({ audience: "one", spiffeId: own });
  const jwtBundles = await client.fetchJwtBundles();
  const token = jwt.token.expose();
  const remote = await client.validateJwtSvid(token, "two");
  const offline = verifyJwtSvid(token, jwtBundles, { audiences: ["one"], now: new Date() });
  const wrongAudience = await client.validateJwtSvid(token, "three").then(
    () => false,
    () => true,
  );
  say({
    ids: svids.map(({ svid }) => svid.spiffeId.toString()),
    bundles: bundles.bundles.map(({ trustDomain }) => trustDomain.name),
    x509Bundles: (await client.fetchX509Bundles()).bundles.length,
    audiences: jwt.audiences,
    bySubject: bySubject.spiffeId.toString(),
    jwtBundles: jwtBundles.bundles.length,
    remote: remote.spiffeId.toString(),
    offline: offline.spiffeId.toString(),
    wrongAudience,
  });
  await client.close();
}

async function watch(): Promise<void> {
  for await (const { svids } of createWorkloadApiClient().watchX509Context()) {
    const svid = svids[0]?.svid;
    if (svid) say({ id: svid.spiffeId.toString(), serial: svid.leaf.serialNumberHex });
  }
}

async function serve(allowed = ""): Promise<void> {
  const source = await createX509Source();
  const server = createTlsServer(source, { allow: allow.id(allowed) }, (socket) => {
    socket.on("error", () => undefined);
    socket.end("welcome\n");
  });
  const { port } = await server.listen({ port: 0, host: "127.0.0.1" });
  say({ port });
}

async function dial(port = "", expected = ""): Promise<void> {
  const source = await createX509Source();
  const socket = await connectTls(source, { host: "127.0.0.1", port: Number(port), allow: allow.id(expected) });
  let text = "";
  for await (const chunk of socket.setEncoding("utf8")) text += chunk;
  if (text !== "welcome\n") throw new Error("no welcome");
  say({ welcome: true });
  await source.close();
}

const [command, ...words] = process.argv.slice(2);
const commands: Readonly<Record<string, (...words: string[]) => Promise<void>>> = {
  fetch: fetchAll,
  watch,
  serve,
  dial,
};
try {
  await commands[command ?? ""]?.(...words);
} catch (error) {
  say({ error: String(error) });
  process.exitCode = 1;
}

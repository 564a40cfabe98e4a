import { createX509Source } from "@symbolon/spiffe/source";
import { allow, createHttpsServer, peerOf } from "@symbolon/spiffe/tls";

const source = await createX509Source({ keepAlive: true });
const [, , client = source.spiffeId.toString(), port = "8443"] = process.argv;
const server = createHttpsServer(source, { allow: allow.id(client) }, (req, res) => {
  res.end(`hello ${peerOf(req).spiffeId}, this is ${source.spiffeId} with ${source.svid.serialNumber}\n`);
});
console.log(`https://localhost:${(await server.listen(Number(port))).port}/ is for ${client}`);

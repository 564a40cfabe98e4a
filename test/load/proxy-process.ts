/**
 * A server's proxy and a client's proxy before it, in a process whose memory is theirs alone: proxy-process.ts ADDRESS PORT
 * of an application. Prints where both listen, as JSON.
 */
import { freeNetwork, startOutbound, startProxy } from "../fakes/proxy-fixture.ts";

const [applicationAddress = "", portText = ""] = process.argv.slice(2);
const port = Number(portText);
const address = `${freeNetwork()}.2`;
const inboundPorts = [{ port, protocol: "http", mode: "permissive", decidedBy: "default" }] as const;
const server = await startProxy(
  { listenAddress: address, applicationAddress, port },
  { http: {}, local: { inboundPorts } },
);
const client = await startOutbound({ address, port }, { http: {}, protocol: "http" });
// The fixtures keep what they have seen; a proxy does not.
for (const list of [server, client].flatMap(({ records, requests }) => [records, requests])) list.push = () => 0;
console.log(JSON.stringify({ inbound: { address, port }, outbound: { address: client.address, port } }));

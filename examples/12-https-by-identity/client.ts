import { get } from "node:https";
import { createX509Source } from "@symbolon/spiffe/source";
import { allow, createHttpsAgent } from "@symbolon/spiffe/tls";

const source = await createX509Source();
const [, , server = source.spiffeId.toString(), url = "https://localhost:8443/"] = process.argv;
const agent = createHttpsAgent(source, { allow: allow.id(server) });
get(url, { agent }, (response) => {
  response.pipe(process.stdout);
  response.on("end", () => source.close().then(() => agent.destroy()));
});

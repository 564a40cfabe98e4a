import { createX509Source } from "@symbolon/spiffe/source";
import { allow } from "@symbolon/spiffe/tls";
import { createFetch } from "@symbolon/spiffe/undici";

const source = await createX509Source();
const [, , server = source.spiffeId.toString(), url = "https://localhost:8443/"] = process.argv;
const fetch = createFetch(source, { allow: allow.id(server) });
const response = await fetch(url);
process.stdout.write(await response.text());
await fetch.close();
await source.close();

/** Asks the Workload API that the environment names, as any program would, and prints what it is given as one line of JSON. */
import { errorText, isSymbolonError } from "@symbolon/spiffe/core";
import { createWorkloadApiClient } from "@symbolon/spiffe/workload-api";

const [mode = "once"] = process.argv.slice(2);
const client = createWorkloadApiClient();
try {
  if (mode === "watch")
    for await (const { svids } of client.watchX509Context()) {
      const [first] = svids;
      console.log(JSON.stringify({ id: first?.svid.spiffeId.toString(), serial: first?.svid.leaf.serialNumberHex }));
    }
  const options = { timeoutMs: 10_000 };
  const { svids, bundles } = await client.fetchX509Context(options);
  const token = await client.fetchJwtSvid({ audience: "test" }, options);
  const validated = await client.validateJwtSvid(token.token.expose(), "test", options);
  const jwtBundles = await client.fetchJwtBundles(options);
  console.log(
    JSON.stringify({
      ids: svids.map(({ svid }) => svid.spiffeId.toString()),
      domains: bundles.bundles.map(({ trustDomain }) => trustDomain.name),
      token: token.spiffeId.toString(),
      validated: validated.spiffeId.toString(),
      jwtDomains: jwtBundles.bundles.map(({ trustDomain }) => trustDomain.name),
    }),
  );
} catch (error) {
  console.log(JSON.stringify({ code: isSymbolonError(error) ? error.code : "unknown", message: errorText(error) }));
  process.exitCode = 1;
} finally {
  await client.close();
}

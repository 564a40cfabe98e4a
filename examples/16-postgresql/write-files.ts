import { writeFileSync } from "node:fs";
import { createX509Source } from "@symbolon/spiffe/source";

/** For servers that read files: this process's identity, written again whenever it changes. */
const source = await createX509Source({ keepAlive: true });
const write = (): void => {
  const { svid, bundles } = source;
  writeFileSync("svid_key.pem", svid.privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  writeFileSync("svid.pem", svid.certificateChainPem());
  writeFileSync("bundle.pem", bundles.require(svid.spiffeId.trustDomain).toPem());
  console.log(`${svid.spiffeId} until ${svid.notAfter.toISOString()}`);
};
write();
source.subscribe((context) => context && write());

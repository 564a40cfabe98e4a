import { JwtBundle, JwtBundleSet } from "../bundle/index.ts";
import { decodeUtf8 } from "../core/index.ts";
import { TrustDomain } from "../id/index.ts";
import { decodeJwtBundlesResponse } from "./messages.ts";
import { invalidResponse, readingResponse } from "./response-checks.ts";

/** Reads the answer of FetchJWTBundles (Workload API §6.2.2). @throws ERR_WORKLOAD_API_RESPONSE_INVALID */
export function readJwtBundles(message: Uint8Array): JwtBundleSet {
  return readingResponse("FetchJWTBundles", () => {
    const bundles = decodeJwtBundlesResponse(message);
    if (bundles.size === 0) throw invalidResponse("FetchJWTBundles", "no bundle in it");
    return JwtBundleSet.of(
      ...[...bundles].map(([name, json]) => {
        const text = decodeUtf8(json);
        if (text === undefined) throw invalidResponse("FetchJWTBundles", `bundle of "${name}" is not UTF-8`);
        return JwtBundle.fromJwkSet(TrustDomain.parse(name), text);
      }),
    );
  });
}

import type { Random } from "@symbolon/spiffe/core";
import { productError } from "../core/index.ts";
import type { MeshView } from "../mesh/index.ts";
import type { KeySetFetcher } from "./ports.ts";
import { serviceEndpoints } from "./service-endpoint.ts";

/** Names of the mesh's own Services lead to their pods, which no resolver outside knows; every other name is left as it is. */
export function throughMesh(
  fetcher: KeySetFetcher,
  options: { readonly mesh: () => MeshView | undefined; readonly random: Pick<Random, "fraction"> },
): KeySetFetcher {
  return {
    async fetch(request) {
      const mesh = options.mesh();
      const url = URL.canParse(request.url) ? new URL(request.url) : undefined;
      if (!mesh || !url) return fetcher.fetch(request);
      const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
      const endpoints = serviceEndpoints(mesh, url.hostname, port);
      if (!endpoints) return fetcher.fetch(request);
      const endpoint = endpoints[Math.floor(options.random.fraction() * endpoints.length)];
      if (!endpoint)
        throw productError(
          "ERR_JWKS_FETCH",
          `${request.url}: Service ${url.hostname} has no ready pod at port ${port}`,
        );
      return fetcher.fetch({ ...request, endpoint });
    },
  };
}

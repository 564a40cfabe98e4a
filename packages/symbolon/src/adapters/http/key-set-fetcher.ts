import { lookup } from "node:dns/promises";
import http from "node:http";
import https from "node:https";
import { isIP } from "node:net";
import { errorText } from "@symbolon/spiffe/core";
import type { KeySetFetcher, KeySetRequest } from "../../control-plane/index.ts";
import { productError } from "../../core/index.ts";
import { subnets, whyForbidden } from "./forbidden-address.ts";

export const KEY_SET_LIMITS = { bytes: 1024 * 1024, redirects: 3 } as const;

export interface KeySetFetcherOptions {
  /** Address ranges that may be dialled although they are link-local, loopback or a metadata service. */
  readonly allowed?: readonly string[];
  /** Addresses of a name, the one to dial first. */
  readonly resolve?: (host: string) => Promise<string>;
  /** Address and port where a pod is reached from here; absent: its own. */
  readonly locate?: (endpoint: NonNullable<KeySetRequest["endpoint"]>) => Place | undefined;
}

interface Place {
  readonly address: string;
  readonly port: number;
}

/** Over HTTP and HTTPS. The address that is checked is the address that is dialled: no name is resolved twice. */
export function createKeySetFetcher(options: KeySetFetcherOptions = {}): KeySetFetcher {
  const allowed = subnets(options.allowed ?? []);
  const resolve = options.resolve ?? (async (host: string) => (await lookup(host)).address);

  const placeOf = async (url: URL, { endpoint }: KeySetRequest): Promise<Place> => {
    if (endpoint) {
      const place = options.locate ? options.locate(endpoint) : endpoint;
      if (place) return place;
      throw failed(url, "its pod cannot be reached from here yet");
    }
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const address = isIP(host) ? host : await resolve(host);
    const why = whyForbidden(address, allowed);
    if (why !== undefined)
      throw productError(
        "ERR_JWKS_ADDRESS_FORBIDDEN",
        `${url.href} leads to ${address} (${why}), which is not dialled; --jwks-allow ${address} allows it`,
      );
    return { address, port: Number(url.port) || (url.protocol === "https:" ? 443 : 80) };
  };

  return {
    async fetch(request) {
      const signal = AbortSignal.timeout(request.timeoutMs);
      let url = parseUrl(request.url);
      try {
        for (let redirects = 0; ; redirects++) {
          const answer = await get(url, await placeOf(url, request), signal);
          if (answer.kind === "text") return answer.text;
          if (redirects === KEY_SET_LIMITS.redirects)
            throw failed(url, `more than ${KEY_SET_LIMITS.redirects} redirects`);
          const next = URL.canParse(answer.location, url.href) ? new URL(answer.location, url) : undefined;
          if (next?.origin !== url.origin) throw failed(url, "a redirect to another server, which is not followed");
          url = next;
        }
      } catch (error) {
        if (signal.aborted) throw failed(url, `no whole answer within ${request.timeoutMs} ms`);
        throw error instanceof Error && "code" in error && String(error.code).startsWith("ERR_JWKS_")
          ? error
          : failed(url, errorText(error));
      }
    },
  };
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "") return url;
  throw productError("ERR_JWKS_FETCH", `"${text.slice(0, 200)}" is no URL with http or https and without a password`);
}

function failed(url: URL, why: string): Error {
  return productError("ERR_JWKS_FETCH", `${url.href}: ${why}`);
}

type Answer =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "redirect"; readonly location: string };

function get(url: URL, place: Place, signal: AbortSignal): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const request = (url.protocol === "https:" ? https : http).request(
    {
      host: place.address,
      port: place.port,
      path: url.pathname + url.search,
      headers: { Host: url.host, Accept: "application/jwk-set+json, application/json", "Accept-Encoding": "identity" },
      agent: false,
      signal,
      ...(isIP(host) ? {} : { servername: host }),
    },
    (response) => {
      const { statusCode = 0 } = response;
      const { location } = response.headers;
      const end = (error?: Error): void => {
        if (error) reject(error);
        request.destroy();
      };
      response.on("error", reject);
      if (statusCode >= 300 && statusCode < 400 && location !== undefined) {
        resolve({ kind: "redirect", location });
        return end();
      }
      if (statusCode !== 200) return end(failed(url, `status ${statusCode}`));
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on("data", (part: Buffer) => {
        bytes += part.length;
        if (bytes > KEY_SET_LIMITS.bytes) return end(failed(url, `more than ${KEY_SET_LIMITS.bytes} bytes`));
        parts.push(part);
      });
      response.on("end", () => resolve({ kind: "text", text: Buffer.concat(parts).toString("utf8") }));
      response.on("close", () => reject(failed(url, "the answer ended early")));
    },
  );
  request.on("error", reject);
  request.end();
  return promise;
}

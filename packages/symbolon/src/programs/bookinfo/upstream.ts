import type { IncomingMessage } from "node:http";

/** What one service of the sample asks another for, by the name in an environment variable or Istio's own. */
export interface Upstream {
  readonly hostnameVariable: string;
  readonly hostname: string;
}

const PORT = 9080;
const TIMEOUT_MS = 10_000;

/** Whoever traces or recognises a user wants these to go along. */
const PASSED_ON = [
  "x-request-id",
  "traceparent",
  "tracestate",
  "b3",
  "x-b3-traceid",
  "x-b3-spanid",
  "x-b3-parentspanid",
  "x-b3-sampled",
  "x-b3-flags",
  "end-user",
  "user-agent",
  "cookie",
  "authorization",
];

export type UpstreamAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly status: number };

/** GET of a JSON document; a failure without an answer is status 0. */
export async function askUpstream(upstream: Upstream, path: string, request: IncomingMessage): Promise<UpstreamAnswer> {
  const host = process.env[upstream.hostnameVariable] || upstream.hostname;
  const domain = process.env.SERVICES_DOMAIN ? `.${process.env.SERVICES_DOMAIN}` : "";
  const headers: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = request.headers[name];
    if (typeof value === "string") headers[name] = value;
  }
  try {
    const response = await fetch(`http://${host}${domain}:${PORT}${path}`, {
      headers,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) return { ok: false, status: response.status };
    return { ok: true, value: await response.json() };
  } catch {
    return { ok: false, status: 0 };
  }
}

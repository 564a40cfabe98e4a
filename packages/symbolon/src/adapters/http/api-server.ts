import { rmSync } from "node:fs";
import { isSymbolonError, type Log } from "@symbolon/spiffe/core";
import { errorInfo, productError } from "../../core/index.ts";
import type { ApiBackend, ApiError } from "./api.ts";
import { apiRoutes } from "./api-routes.ts";
import { MAX_BODY_BYTES } from "./json-body.ts";
import { matchRoute, type Route } from "./route.ts";

export interface ApiServer {
  stop(): Promise<void>;
}

const HTTP_STATUS: Readonly<Record<string, number>> = {
  invalid_argument: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  failed_precondition: 409,
  resource_exhausted: 429,
  unavailable: 503,
};

/**
 * The control plane's API as JSON over HTTP on a Unix socket. Whoever can enter the socket's directory (0700) is the
 * mesh's user or root; applications have neither the directory nor the user (SECURITY.md).
 */
export function serveApi(options: {
  readonly socketPath: string;
  readonly backend: ApiBackend;
  readonly log: Log;
}): ApiServer {
  const { socketPath, backend, log } = options;
  const routes = apiRoutes(backend);
  // One control plane at a time runs in a mesh: a socket that is there was left by one that died.
  rmSync(socketPath, { force: true });
  const server = Bun.serve({
    unix: socketPath,
    maxRequestBodySize: MAX_BODY_BYTES,
    fetch(request, current) {
      // A stream of pods is silent for as long as nothing changes.
      current.timeout(request, 0);
      return answer(routes, request).catch((error: unknown) => errorAnswer(error, log));
    },
  });
  return { stop: () => server.stop(true) };
}

async function answer(routes: readonly Route[], request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  const match = matchRoute(routes, request.method, pathname);
  switch (match.kind) {
    case "found":
      return match.route.handle({ request, params: match.params, query: searchParams });
    case "wrong-method":
      return refusal(405, { code: "ERR_API_REQUEST_INVALID", message: `wanted ${match.allowed.join(" or ")}` });
    case "not-found":
      return refusal(404, { code: "ERR_API_REQUEST_INVALID", message: `there is no "${pathname}"` });
  }
}

function errorAnswer(error: unknown, log: Log): Response {
  if (!isSymbolonError(error)) log.error("request failed unexpectedly", { error });
  const coded = isSymbolonError(error)
    ? error
    : productError("ERR_INTERNAL_BUG", "internal error; the control plane's log has more");
  return refusal(HTTP_STATUS[errorInfo(coded).status] ?? 500, { code: coded.code, message: coded.message });
}

function refusal(status: number, error: ApiError): Response {
  return Response.json(error, { status });
}

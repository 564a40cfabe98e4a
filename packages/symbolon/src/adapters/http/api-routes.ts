import { productError } from "../../core/index.ts";
import { findKind, MESH_KINDS, type ObjectKey, type Pod, type PodStatus } from "../../mesh/index.ts";
import {
  type DenialQuery,
  EXPOSITION_CONTENT_TYPE,
  type FamilySnapshot,
  renderMetrics,
} from "../../telemetry/index.ts";
import { type AdministrativeCommand, API_PATHS, type ApiBackend } from "./api.ts";
import { booleanField, type JsonObject, objectList, readJsonObject, stringField } from "./json-body.ts";
import type { Route, RouteCall } from "./route.ts";

export function apiRoutes(backend: ApiBackend): readonly Route[] {
  return [
    route("GET", API_PATHS.status, () => Response.json(backend.status())),
    route("GET", API_PATHS.metrics, async () => Response.json(await backend.metrics())),
    route("GET", API_PATHS.metricsText, async () => metricsResponse(await backend.metrics())),
    route("GET", API_PATHS.denials, ({ query }) => Response.json(backend.denials(readDenialQuery(query)))),
    route("GET", API_PATHS.plaintextCallers, ({ query }) =>
      Response.json(backend.plaintextCallers(query.get("namespace") ?? undefined)),
    ),
    route("GET", API_PATHS.keySets, () => Response.json(backend.keySets())),
    route("POST", API_PATHS.commands, async ({ request }) => {
      const body = await readJsonObject(request);
      await backend.recordCommand({
        actor: stringField(body, "actor"),
        subject: stringField(body, "subject"),
        // INVARIANT: only our own command line writes commands; their details are texts and numbers.
        details: body.details as AdministrativeCommand["details"],
      });
      return new Response(null, { status: 204 });
    }),
    route("GET", API_PATHS.objects, ({ params, query }) => {
      const kind = findKind(params.kind ?? "")?.kind;
      if (!kind) throw productError("ERR_OBJECT_NOT_FOUND", `there is no kind "${params.kind}"`);
      return Response.json(backend.list(kind, query.get("namespace") ?? undefined));
    }),
    route("POST", API_PATHS.apply, async ({ request }) => {
      const body = await readJsonObject(request);
      const answer = await backend.apply({
        manifests: objectList(body, "manifests").map((each) => ({
          file: stringField(each, "file"),
          text: stringField(each, "text"),
          ...(each.content === "mesh-config" ? { content: each.content } : {}),
        })),
        namespace: stringField(body, "namespace"),
        allowUnenforced: booleanField(body, "allowUnenforced"),
        dryRun: booleanField(body, "dryRun"),
        ...actorOf(body),
      });
      return Response.json(answer);
    }),
    route("POST", API_PATHS.delete, async ({ request }) => {
      const body = await readJsonObject(request);
      const keys = objectList(body, "keys").map(readKey);
      const ignoreNotFound = booleanField(body, "ignoreNotFound");
      return Response.json(await backend.delete({ keys, ignoreNotFound, ...actorOf(body) }));
    }),
    route("GET", API_PATHS.podSecrets, ({ params }) => Response.json(backend.podSecrets(params.uid ?? ""))),
    route("GET", API_PATHS.runtimePods, async ({ query, request }) => {
      await backend.connectRuntime(query.get("boot") ?? "");
      return new Response(streamPods(backend, request.signal), { headers: { "content-type": "application/x-ndjson" } });
    }),
    route("PUT", API_PATHS.podStatus, async ({ params, request }) => {
      // INVARIANT: only the pod runtime, which is ours, writes statuses; its type is the wire format.
      await backend.reportPodStatus(params.uid ?? "", (await readJsonObject(request)) as unknown as PodStatus);
      return new Response(null, { status: 204 });
    }),
    route("DELETE", API_PATHS.pod, async ({ params }) => {
      await backend.reportPodRemoved(params.uid ?? "");
      return new Response(null, { status: 204 });
    }),
  ];
}

/** Who asks for a change, as he says: the socket is open to the mesh's own user alone. */
function actorOf(body: JsonObject): { actor?: string } {
  return body.actor === undefined ? {} : { actor: stringField(body, "actor") };
}

/** Most that one answer holds: about 100 MB in the worst case. */
const MAX_DENIALS = 5000;

function readDenialQuery(query: URLSearchParams): DenialQuery {
  const text = (name: string) => query.get(name) ?? undefined;
  const count = (name: string) => {
    const value = query.get(name);
    if (value === null) return undefined;
    if (!/^\d{1,15}$/.test(value))
      throw productError("ERR_API_REQUEST_INVALID", `parameter "${name}" is "${value}", not a number`);
    return Number(value);
  };
  const [requestId, namespace, workload, after] = [
    text("requestId"),
    text("namespace"),
    text("workload"),
    count("after"),
  ];
  return {
    ...(requestId === undefined ? {} : { requestId }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(workload === undefined ? {} : { workload }),
    ...(after === undefined ? {} : { after }),
    last: Math.min(count("last") ?? MAX_DENIALS, MAX_DENIALS),
  };
}

function metricsResponse(families: readonly FamilySnapshot[]): Response {
  return new Response(renderMetrics(families), { headers: { "content-type": EXPOSITION_CONTENT_TYPE } });
}

function route(method: string, pattern: string, handle: (call: RouteCall) => Promise<Response> | Response): Route {
  return { method, pattern, handle };
}

function readKey(value: Readonly<Record<string, unknown>>): ObjectKey {
  const kind = MESH_KINDS.find((candidate) => candidate === value.kind);
  if (!kind) throw productError("ERR_API_REQUEST_INVALID", `field "kind" is none of ${MESH_KINDS.join(", ")}`);
  return { kind, namespace: stringField(value, "namespace"), name: stringField(value, "name") };
}

/** The list in force, and each newer one: a line of JSON each. A reader that lags gets the newest only. */
function streamPods({ desiredPods }: ApiBackend, aborted: AbortSignal): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let waiting: readonly Pod[] | undefined = desiredPods.current;
  let wake: (() => void) | undefined;
  let unsubscribe = (): void => {};
  return new ReadableStream({
    start(controller) {
      unsubscribe = desiredPods.subscribe((pods) => {
        waiting = pods;
        wake?.();
      });
      aborted.addEventListener("abort", () => {
        unsubscribe();
        wake?.();
        controller.close();
      });
    },
    async pull(controller) {
      while (waiting === undefined && !aborted.aborted) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
      if (waiting === undefined) return;
      controller.enqueue(encoder.encode(`${JSON.stringify(waiting)}\n`));
      waiting = undefined;
    },
    cancel: () => unsubscribe(),
  });
}

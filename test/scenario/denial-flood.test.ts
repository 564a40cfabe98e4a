/** 50,000 denials at one proxy: each is stored or counted, in the audit log too, and the mesh goes on meanwhile. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  CURL_IMAGE,
  deployment,
  eventually,
  execInBackground,
  HTTPBIN_IMAGE,
  type MeshUnderTest,
  missing,
  namespace,
  startMesh,
  succeed,
} from "./mesh-under-test.ts";

const why = missing("curl", "python3");
const REQUESTS = 50_000;
const CONNECTIONS = 4;

/** Requests in groups over each of some connections; says how many answers were 403, and what else there was. */
const FLOOD = `
import collections, socket, threading
REQUEST = b"POST /post HTTP/1.1\\r\\nHost: httpbin.foo:8000\\r\\n\\r\\n"
statuses = collections.Counter()
def run(count):
    own = collections.Counter()
    s = socket.create_connection(("httpbin.foo", 8000))
    f = s.makefile("rb")
    while count > 0:
        group = min(count, 50)
        s.sendall(REQUEST * group)
        for _ in range(group):
            own[f.readline().split()[1].decode()] += 1
            length = 0
            while (line := f.readline()) not in (b"\\r\\n", b""):
                if line.lower().startswith(b"content-length:"): length = int(line.split(b":")[1])
            f.read(length)
        count -= group
    statuses.update(own)
threads = [threading.Thread(target=run, args=(${REQUESTS / CONNECTIONS},)) for _ in range(${CONNECTIONS})]
for t in threads: t.start()
for t in threads: t.join()
print(dict(statuses))
`;

const policy = (methods: string) =>
  `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: readers, namespace: foo}\nspec: {selector: {matchLabels: {app: httpbin}}, rules: [{to: [{operation: {methods: ${methods}}}]}]}\n`;

describe.skipIf(why !== undefined)("a flood of denials", () => {
  let mesh: MeshUnderTest;
  beforeAll(() => {
    mesh = startMesh(
      namespace("foo", true) +
        deployment({ name: "httpbin", namespace: "foo", image: HTTPBIN_IMAGE, port: 8080, servicePort: 8000 }) +
        deployment({ name: "curl", namespace: "foo", image: CURL_IMAGE }),
    );
    mesh.apply(policy("[GET]"));
  });
  afterAll(() => mesh?.down());

  test("leaves none out of the numbers, and every command and change works while it goes on", async () => {
    const timeOfApply = (methods: string): number => {
      const start = performance.now();
      mesh.apply(policy(methods));
      return performance.now() - start;
    };
    const alone = [timeOfApply("[GET, HEAD]"), timeOfApply("[GET]")];
    const begun = performance.now();
    const flood = execInBackground(mesh, "curl", "foo", "python3", "-c", FLOOD);
    let over = false;
    void flood.result.then(() => {
      over = true;
    });
    const waits: number[] = [];
    for (let round = 0; round < 3 || !over; round++) {
      waits.push(timeOfApply(round % 2 === 0 ? "[GET, HEAD]" : "[GET]"));
      expect(mesh.curl("foo", "http://httpbin.foo:8000/get")).toBe("200/0");
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { stdout, stderr } = await flood.result;
    const floodMs = performance.now() - begun;
    expect([stdout.trim(), stderr]).toEqual([`{'403': ${REQUESTS}}`, ""]);

    const counted = await eventually(
      "every denial is stored or counted",
      () => {
        const events = (kind: string) =>
          JSON.parse(
            succeed(mesh.symbolon("audit", "query", "--kind", kind, "--limit", String(REQUESTS), "-o", "json")).stdout,
          ).events as readonly {
            readonly details: { readonly denialsNotReported?: number };
          }[];
        const audited = events("request.deny").length;
        const lost = events("audit.gap").reduce((sum, { details }) => sum + (details.denialsNotReported ?? 0), 0);
        return { audited, lost };
      },
      ({ audited, lost }) => audited + lost >= REQUESTS,
      120,
    );
    expect(counted.audited + counted.lost).toBe(REQUESTS);
    const { denials } = JSON.parse(
      succeed(mesh.symbolon("authz", "denials", "-o", "json", "--last", "5000")).stdout,
    ) as { readonly denials: readonly { readonly explanation: { readonly text: string } }[] };
    expect(denials).toHaveLength(Math.min(5000, counted.audited));
    // The policy of the moment is the one or the other; POST is in neither.
    const explained = denials.filter(({ explanation }) =>
      /methods: wanted one of .*; got "POST"/.test(explanation.text),
    );
    expect(explained.length).toBe(denials.length);
    expect(mesh.symbolon("audit", "verify").status).toBe(0);
    console.log(
      `${REQUESTS} denials in ${(floodMs / 1000).toFixed(1)} s: ${counted.audited} stored and audited, ${counted.lost} counted; symbolon apply meanwhile at most ${Math.max(...waits).toFixed(0)} ms (${waits.length} times), alone ${Math.max(...alone).toFixed(0)} ms`,
    );
  });
});

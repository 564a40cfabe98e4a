import { describe, expect, test } from "bun:test";
import { testEntry, testSelector } from "../../../../../../test/fakes/registration-entries.ts";
import { explainEntries } from "../../../agent/index.ts";
import type { ProcessExamination } from "../../../app/index.ts";
import type { RegistrationEntry } from "../../../core/index.ts";
import { examinationText } from "./examination-text.ts";
import { structuredExamination } from "./structured-examination.ts";

const LIMITS = { x509LifetimeSeconds: 86_400, jwtLifetimeSeconds: 300, signingRemainingSeconds: 5_400 };

function host(
  entries: readonly RegistrationEntry[],
  {
    selectors = ["unix:uid:1000", "unix:path:/usr/bin/node"],
    unknown = {} as Record<string, string>,
    served = true,
  } = {},
): ProcessExamination {
  return {
    place: "host",
    trustDomain: "cluster.local",
    selectors,
    unknown,
    entries: explainEntries(entries, selectors.map(testSelector), {
      unknown: new Map(Object.entries(unknown)),
      limits: LIMITS,
    }),
    ...(served ? { socket: "/run/w.sock" } : {}),
  };
}

describe("attest explain", () => {
  test("names selectors, the verdict of each entry with its first difference, lifetimes and the next step", () => {
    const db = testEntry({ id: "db", x509LifetimeSeconds: 3600, hint: "main" });
    const web = testEntry({ id: "web", selectors: ["unix:uid:1000", "unix:path:/usr/sbin/nginx"] });
    const second = testEntry({ id: "second", hint: "main", createdAt: new Date("2026-02-01T00:00:00Z") });
    expect(examinationText(4711, host([db, web, second]))).toBe(`process 4711 is outside of every pod

selectors:
  unix:uid:1000
  unix:path:/usr/bin/node

entries considered: 3
  entry-db (spiffe://cluster.local/db): matches, all its selectors hold
    certificate: lives 1h, as the entry says
    token: lives 5m, from the mesh's default: the entry says nothing
  entry-web (spiffe://cluster.local/web): does not match
    first difference: wanted unix:path:/usr/sbin/nginx, got unix:path:/usr/bin/node
  entry-second (spiffe://cluster.local/second): matches, all its selectors hold
    certificate: lives 1h30m instead of 24h: the CA's own certificate ends then
    token: lives 5m, from the mesh's default: the entry says nothing
    hint: left out, an older entry of this process has "main" as well

verdict: 2 identities; the default is spiffe://cluster.local/db (the oldest entry that matches)
next: SPIFFE_ENDPOINT_SOCKET=unix:///run/w.sock symbolon svid fetch x509
`);
  });

  test("a process without identity is told how to get one", () => {
    const text = examinationText(1, host([], { selectors: ["unix:uid:1000", "unix:path:/opt/it's/app"] }));
    expect(text).toContain("entries considered: none, there are no entries");
    expect(text).toContain("verdict: no identity; the Workload API answers PermissionDenied");
    expect(text).toContain("--spiffe-id spiffe://cluster.local/NAME --selector 'unix:path:/opt/it'\\''s/app'");
  });

  test("an entry that asks for what cannot be read is answered with what can be done about it", () => {
    const entry = testEntry({ selectors: ["unix:path:/usr/bin/node"] });
    const unknown = { "unix:path": "user 1 may not look at it (EACCES)" };
    const text = examinationText(1, host([entry], { selectors: ["unix:uid:0"], unknown }));
    expect(text).toContain("  unix:path: none, user 1 may not look at it (EACCES)");
    expect(text).toContain("wanted unix:path:/usr/bin/node, got none (user 1 may not look at it (EACCES))");
    expect(text).toContain("next: use a selector that is known");
  });

  test("it says when nobody serves the identity", () => {
    expect(examinationText(1, host([testEntry()], { served: false }))).toContain(
      "next: nobody serves processes outside",
    );
  });

  test("what a process calls itself moves no cursor", () => {
    expect(examinationText(1, host([], { selectors: ["unix:path:/tmp/\u001b[2J"] }))).not.toContain("\u001b");
  });

  test("a process in a pod has the pod's identity, one of the mesh itself none", () => {
    const pod: ProcessExamination = {
      place: "pod",
      pod: { namespace: "foo", name: "web-1" },
      spiffeId: "spiffe://cluster.local/ns/foo/sa/web",
      x509Lifetime: { seconds: 600, because: "signing certificate ends", wantedSeconds: 86_400 },
      jwtLifetime: { seconds: 300, because: "default", wantedSeconds: 300 },
    };
    expect(examinationText(7, pod)).toContain("process 7 is in pod foo/web-1");
    expect(examinationText(7, pod)).toContain("identity: spiffe://cluster.local/ns/foo/sa/web");
    expect(examinationText(7, pod)).toContain(
      "certificate: lives 10m instead of 24h: the CA's own certificate ends then",
    );
    expect(examinationText(7, pod)).toContain("token: lives 5m, from the mesh's default\n");
    expect(structuredExamination(7, pod)).toEqual({ pid: 7, ...pod });
    expect(examinationText(7, { place: "mesh" })).toContain("one of the mesh's own");
  });

  test("-o json has the same", () => {
    const web = testEntry({ id: "web", selectors: ["unix:uid:1"] });
    expect(structuredExamination(7, host([testEntry({ id: "db" }), web]))).toMatchObject({
      pid: 7,
      place: "host",
      identities: ["spiffe://cluster.local/db"],
      workloadSocket: "/run/w.sock",
      entries: [
        { name: "entry-db", matches: true, x509Lifetime: { seconds: 5400, because: "signing certificate ends" } },
        { name: "entry-web", matches: false, firstDifference: { wanted: "unix:uid:1", got: ["unix:uid:1000"] } },
      ],
    });
  });
});

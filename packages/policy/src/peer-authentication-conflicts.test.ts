import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatFinding } from "./document/index.ts";
import type { MtlsMode } from "./mtls-mode.ts";
import type { PeerAuthentication } from "./peer-authentication.ts";
import { findPeerAuthenticationConflicts } from "./peer-authentication-conflicts.ts";

const ROOT = "istio-system";

function policy(
  namespace: string,
  name: string,
  line: number,
  options: Partial<PeerAuthentication> = {},
): PeerAuthentication {
  const mode: MtlsMode = "strict";
  const position = { file: "f.yaml", line, column: 1 };
  return { kind: "PeerAuthentication", namespace, name, position, mode, portLevelMtls: new Map(), ...options };
}

const created = (day: number) => ({ creationTimestamp: new Date(`2024-01-0${day}T00:00:00Z`) });
const selects = (matchLabels: Readonly<Record<string, string>>) => ({ selector: { matchLabels } });
const conflicts = (...policies: readonly PeerAuthentication[]) =>
  findPeerAuthenticationConflicts(policies, ROOT).map(formatFinding);

describe("findPeerAuthenticationConflicts", () => {
  test("one policy a scope is no conflict", () => {
    const policies = [
      policy(ROOT, "default", 1),
      policy("foo", "default", 2),
      policy("foo", "web", 3, selects({ app: "web" })),
      policy("foo", "api", 4, selects({ app: "api" })),
      policy("bar", "web", 5, selects({ app: "web" })),
    ];
    assert.deepEqual(conflicts(...policies), []);
    assert.deepEqual(conflicts(), []);
  });

  test("two mesh-wide policies are an error that names both, whoever is older", () => {
    const a = policy(ROOT, "a", 3, { ...created(1), mode: "permissive" });
    const b = policy(ROOT, "b", 9, created(2));
    const wanted = [
      "f.yaml:9:1: error SYM0405 metadata.name: conflicting mesh-wide PeerAuthentications: istio-system/b (STRICT) and istio-system/a (PERMISSIVE, f.yaml:3:1); the mesh can have only one",
    ];
    assert.deepEqual(conflicts(a, b), wanted);
    assert.deepEqual(conflicts(b, a), wanted);
  });

  test("a second namespace-wide policy is warned of in Istio's words", () => {
    assert.deepEqual(conflicts(policy("foo", "b", 9, created(2)), policy("foo", "a", 3, created(1))), [
      'f.yaml:9:1: warning SYM0404 metadata.name: Namespace/mesh-level PeerAuthentication is already defined for "foo" at time 2024-01-01T00:00:00Z. Ignore "b" which was created at time 2024-01-02T00:00:00Z (the first one: foo/a at f.yaml:3:1)',
    ]);
  });

  test("two policies with equal labels are warned of, whatever the order of the labels", () => {
    const found = conflicts(
      policy("foo", "a", 1, { ...created(1), ...selects({ app: "web", v: "1" }) }),
      policy("foo", "b", 2, { ...created(2), ...selects({ v: "1", app: "web" }) }),
      policy("foo", "c", 3, { ...created(3), ...selects({ app: "web" }) }),
    );
    assert.equal(found.length, 1);
    assert.match(
      found[0] ?? "",
      /2:1: warning SYM0407 spec\.selector: .*foo\/a \(f\.yaml:1:1\) already selects app=web,v=1 and is older; "b" is ignored/,
    );
  });

  test("a selector in the root namespace is warned of and takes no part in a conflict", () => {
    const found = conflicts(policy(ROOT, "default", 1), policy(ROOT, "web", 2, selects({ app: "web" })));
    assert.equal(found.length, 1);
    assert.match(found[0] ?? "", /2:1: warning SYM0406 spec\.selector: .*it is ignored for every workload/);
  });

  test("every further mesh-wide policy is reported", () => {
    assert.equal(conflicts(policy(ROOT, "a", 1), policy(ROOT, "b", 2), policy(ROOT, "c", 3)).length, 2);
  });
});

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type MeshUnderTest, missing, ROOT, startMesh } from "./mesh-under-test.ts";

const why = missing("curl");
const example = (name: string) => readFileSync(join(ROOT, "examples/02-who-may-call", name), "utf8");

/** What the server, or the proxy before it, answers: httpbin has no such page, a policy refuses, a connection is reset. */
const ANSWERS = { "404": 0, "403": 1, "000": 1 } as const;

describe.skipIf(why !== undefined)("what authz can says of a running mesh is what happens in it", () => {
  let mesh: MeshUnderTest;
  beforeAll(() => {
    mesh = startMesh(`${example("mesh.yaml")}---\n${example("policies.yaml")}`);
  });
  afterAll(() => mesh?.down());

  for (const [caller, method, path, answer] of [
    ["shop/page", "GET", "/items/7", "404"],
    ["shop/page", "GET", "/items/7/8", "403"],
    ["shop/page", "PUT", "/items/7", "403"],
    ["shop/orders", "PUT", "/items/7", "404"],
    ["shop/orders", "PUT", "/items", "403"],
    ["shop/orders", "GET", "/debug/vars", "403"],
    ["batch/report", "GET", "/items/7", "000"],
  ] as const)
    test(`${caller}: ${method} ${path}`, () => {
      const [namespace = "", name = ""] = caller.split("/");
      const curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", method, `http://stock.shop${path}`];
      expect(mesh.symbolon("exec", `deploy/${name}`, "-n", namespace, "--", ...curl).stdout).toBe(answer);
      const can = mesh.symbolon("authz", "can", "--from", caller, "--to", "shop/stock", method, path);
      expect({ said: can.stdout, status: can.status }).toEqual({ said: can.stdout, status: ANSWERS[answer] });
      const explain = mesh.symbolon("authz", "explain", "--from", caller, "--to", "shop/stock", method, path);
      expect([explain.status, explain.stdout.split("\n")[0]]).toEqual([can.status, can.stdout.trimEnd()]);
    });

  test("describe and analyze know the mesh", () => {
    const described = mesh.symbolon("describe", "deploy/stock", "-n", "shop", "-o", "json");
    expect(JSON.parse(described.stdout)).toMatchObject({
      spiffeId: "spiffe://cluster.local/ns/shop/sa/stock",
      ports: [
        { port: 8080, mode: "strict", otherwise: "denied" },
        { port: 9000, mode: "strict", protocol: "tcp" },
      ],
    });
    expect(mesh.symbolon("analyze").stdout).toContain("no findings in 4 policies");
  });
});

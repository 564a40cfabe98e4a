import { describe, expect, test } from "bun:test";
import { formatFinding } from "@symbolon/policy";
import { parse } from "../../../../test/fakes/manifests.ts";
import { parseIpv4Range } from "../mesh/index.ts";
import { assignServiceAddresses } from "./service-addresses.ts";

const range = parseIpv4Range("10.96.0.0/29");
const NONE = { addresses: new Map<string, string>(), cursor: undefined };
const services = (...specs: readonly string[]) =>
  parse(
    specs
      .map(
        (spec) =>
          `apiVersion: v1\nkind: Service\nmetadata: {name: ${spec.split(" ")[0]}}\nspec: {${spec.split(" ").slice(1).join(" ")}${spec.includes(" ") ? ", " : ""}ports: [{port: 80}]}\n`,
      )
      .join("---\n"),
  ).objects;

const assign = (
  specs: readonly string[],
  previous: { addresses: ReadonlyMap<string, string>; cursor: string | undefined } = NONE,
) => {
  const result = assignServiceAddresses(services(...specs), previous, range);
  return {
    ...result,
    byName: Object.fromEntries([...result.addresses].map(([key, address]) => [key.split("/")[2], address])),
    lines: result.findings.map(formatFinding),
  };
};

describe("service addresses", () => {
  test("every Service gets one of its own, a headless one none", () => {
    expect(assign(["a", "b clusterIP: None", "c"]).byName).toEqual({ a: "10.96.0.2", c: "10.96.0.3" });
    expect(assign([]).byName).toEqual({});
  });

  test("a Service keeps its address whatever comes and goes", () => {
    const first = assign(["a", "b", "c"]);
    const second = assign(["new", "c", "a"], first);
    expect(second.byName).toEqual({ a: "10.96.0.2", c: "10.96.0.4", new: "10.96.0.5" });
  });

  test("a freed address is used again as late as possible", () => {
    const first = assign(["a"]);
    const second = assign(["b"], first);
    expect(second.byName).toEqual({ b: "10.96.0.3" });
  });

  test("a wanted address is given before any is chosen", () => {
    expect(assign(["a", "b clusterIP: 10.96.0.2"]).byName).toEqual({ a: "10.96.0.3", b: "10.96.0.2" });
    const moved = assign(["a clusterIP: 10.96.0.6"], assign(["a"]));
    expect(moved.byName).toEqual({ a: "10.96.0.6" });
  });

  test("an address that somebody has, or that is not of the range, is refused at its place", () => {
    expect(assign(["a", "b clusterIP: 10.96.0.2"], assign(["a"])).lines).toEqual([
      'f.yaml:9:19: error SYM2202 spec.clusterIP: service address "10.96.0.2" is already in use',
    ]);
    expect(assign(["a clusterIP: 10.96.0.2", "b clusterIP: 10.96.0.2"]).lines).toHaveLength(1);
    expect(assign(["a clusterIP: 10.97.0.2"]).lines[0]).toContain("is not in the service range 10.96.0.0/29");
    expect(assign(["a clusterIP: 10.96.0.1"]).lines[0]).toContain("is reserved; use 10.96.0.2 to 10.96.0.6");
  });

  test("a full range is a finding and not a crash", () => {
    expect(assign(["a", "b", "c", "d", "e"]).lines).toEqual([]);
    const { lines, byName } = assign(["a", "b", "c", "d", "e", "f"]);
    expect(Object.keys(byName)).toHaveLength(5);
    expect(lines).toEqual([expect.stringContaining("all 5 service addresses of 10.96.0.0/29 are in use")]);
  });

  test("addresses of an earlier, other range are given up", () => {
    const previous = { addresses: new Map([["Service/default/a", "10.1.0.9"]]), cursor: "10.1.0.9" };
    expect(assign(["a"], previous)).toMatchObject({ byName: { a: "10.96.0.2" }, lines: [] });
  });
});

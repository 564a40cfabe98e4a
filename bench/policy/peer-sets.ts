/** Rules that all three engines can say: callers, methods, paths and one header, each a list of alternatives. */
import type { AuthorizationPolicy, ConnectionAttributes, RequestAttributes } from "@symbolon/policy";
import { buildPolicy } from "../../test/oracle/build-policy.ts";

/** Paths and tenants may end with one `*`. Absent: any. */
export interface PeerRule {
  readonly callers?: readonly string[];
  readonly methods?: readonly string[];
  readonly paths?: readonly string[];
  readonly tenants?: readonly string[];
}

export interface PeerRequest {
  readonly method: string;
  readonly path: string;
  readonly tenant: string;
}

export interface PeerSet {
  readonly name: string;
  readonly rules: readonly PeerRule[];
  readonly caller: string;
  readonly requests: readonly PeerRequest[];
}

const CALLER = "cluster.local/ns/foo/sa/curl";

export function peerSets(): readonly PeerSet[] {
  return [twentyRules(), fiveHundredRules(), tenThousandCallers()];
}

function twentyRules(): PeerSet {
  const rules = Array.from({ length: 20 }, (_, index) => ({
    callers: [index === 7 ? CALLER : `cluster.local/ns/foo/sa/client-${index}`],
    methods: ["GET", "POST"],
    paths: [`/api/v1/service-${index}/*`, "/api/v1/common/*"],
    ...(index % 2 === 0 && { tenants: [`tenant-${index}`] }),
  }));
  const paths = ["/api/v1/service-7/items/42", "/api/v1/common/health", "/api/v1/service-8/items", "/other"];
  return { name: "20 rules of callers, methods and paths", rules, caller: CALLER, requests: requestsOf(paths) };
}

function fiveHundredRules(): PeerSet {
  const rules = Array.from({ length: 500 }, (_, index) => ({
    methods: ["GET", "POST"],
    paths: [index % 3 === 0 ? `/api/v1/resource-${index}` : `/api/v1/resource-${index}/*`],
    tenants: [`tenant-${index % 7}`, "admin*"],
  }));
  const paths = ["/api/v1/resource-499/items", "/api/v1/resource-0", "/api/v1/resource-250/a/b", "/api/v1/unknown"];
  return { name: "500 rules of paths and a header", rules, caller: CALLER, requests: requestsOf(paths) };
}

function tenThousandCallers(): PeerSet {
  const others = Array.from({ length: 10_000 }, (_, index) => `cluster.local/ns/n-${index % 97}/sa/s-${index}`);
  const rules = [{ callers: [...others, CALLER], methods: ["GET"] }];
  return { name: "one rule of 10,000 callers", rules, caller: CALLER, requests: requestsOf(["/a", "/b"]) };
}

function requestsOf(paths: readonly string[]): PeerRequest[] {
  return Array.from({ length: 56 }, (_, index) => ({
    method: index % 8 === 7 ? "DELETE" : "GET",
    path: paths[index % paths.length] ?? "/",
    tenant: `tenant-${index % 9}`,
  }));
}

export function policiesOf({ rules }: PeerSet): AuthorizationPolicy[] {
  return rules.map(({ callers, methods, paths, tenants }, index) =>
    buildPolicy({
      name: `rule-${index}`,
      rules: [
        {
          ...(callers && { from: [{ principals: callers }] }),
          to: [{ ...(methods && { methods }), ...(paths && { paths }) }],
          ...(tenants && { when: [{ key: "request.headers[x-tenant]", values: tenants }] }),
        },
      ],
    }),
  );
}

export function connectionOf({ caller }: PeerSet): ConnectionAttributes {
  return {
    peerSpiffeId: `spiffe://${caller}`,
    sourceAddress: "10.1.2.3",
    destinationAddress: "10.4.5.6",
    destinationPort: 8080,
  };
}

export function attributesOf({ method, path, tenant }: PeerRequest): RequestAttributes {
  return { method, path, host: "httpbin.foo:8000", headers: new Map([["x-tenant", [tenant]]]) };
}

/** Policy sets of the shapes that cost other engines most: many rules, many identities, many paths. */
import type { AuthorizationPolicy, ConnectionAttributes, RequestAttributes } from "@symbolon/policy";
import { buildPolicy, type PolicyText } from "../../test/oracle/build-policy.ts";

export interface PolicySet {
  readonly name: string;
  readonly policies: readonly AuthorizationPolicy[];
  readonly connection: ConnectionAttributes;
  /** New objects with new strings at each call, as a proxy has them: no hash of theirs has been computed before. */
  requests(count: number): RequestAttributes[];
}

export const CALLER: ConnectionAttributes = {
  peerSpiffeId: "spiffe://cluster.local/ns/foo/sa/curl",
  sourceAddress: "10.1.2.3",
  destinationAddress: "10.4.5.6",
  destinationPort: 8080,
};

/** What a workload of a large mesh has: allow lists of callers with methods and paths, a few denials, headers, tokens. */
export function twentyPolicies(): PolicySet {
  const policies = Array.from({ length: 20 }, (_, index): PolicyText => {
    if (index % 5 === 0)
      return {
        name: `deny-${index}`,
        action: "deny",
        rules: [{ from: [{ notNamespaces: ["foo", "bar"] }], to: [{ paths: [`/internal-${index}/*`] }] }],
      };
    return {
      name: `allow-${index}`,
      rules: [
        {
          from: [{ principals: [`cluster.local/ns/foo/sa/${index === 7 ? "curl" : `client-${index}`}`] }],
          to: [{ methods: ["GET", "POST"], paths: [`/api/v1/service-${index}/*`, "/api/v1/common/*"] }],
          ...(index % 2 === 0 && { when: [{ key: "request.headers[x-tenant]", values: [`tenant-${index}`] }] }),
        },
      ],
    };
  });
  return {
    name: "20 policies of one workload",
    policies: policies.map(buildPolicy),
    connection: CALLER,
    requests: requestsOf(["/api/v1/service-7/items/42", "/api/v1/common/health", "/api/v1/service-8/items", "/other"]),
  };
}

/** Rules of other callers and other ports, all attached. One rule of the set is for the caller. */
export function unrelatedPolicies(count: number): PolicySet {
  const policies = Array.from({ length: count }, (_, index): PolicyText => {
    const mine = index === Math.floor(count / 2);
    return {
      name: `policy-${index}`,
      rules: [
        {
          from: [
            { principals: [mine ? "cluster.local/ns/foo/sa/curl" : `cluster.local/ns/n-${index % 97}/sa/s-${index}`] },
          ],
          to: [{ methods: ["GET"], paths: [`/api/${mine ? "mine" : index}/*`] }],
        },
      ],
    };
  });
  return {
    name: `${count.toLocaleString("en")} policies of other callers`,
    policies: policies.map(buildPolicy),
    connection: CALLER,
    requests: requestsOf(["/api/mine/items", "/api/mine/items?page=2", "/api/5/items", "/other"]),
  };
}

export function tenThousandPrincipals(): PolicySet {
  const principals = Array.from({ length: 10_000 }, (_, index) => `cluster.local/ns/n-${index % 97}/sa/s-${index}`);
  const policy = {
    rules: [{ from: [{ principals: [...principals, "cluster.local/ns/foo/sa/curl"] }], to: [{ methods: ["GET"] }] }],
  };
  return {
    name: "one policy with 10,000 principals",
    policies: [buildPolicy(policy)],
    connection: CALLER,
    requests: requestsOf(["/a", "/api/v1/items/42"]),
  };
}

/** Nothing here depends on the connection: each request has to find its rule among all of them. */
export function fiveHundredPathsAndHeaders(): PolicySet {
  const rules = Array.from({ length: 500 }, (_, index) => ({
    to: [
      {
        methods: ["GET", "POST"],
        paths: [index % 3 === 0 ? `/api/v1/resource-${index}` : `/api/v1/resource-${index}/*`],
      },
    ],
    when: [{ key: "request.headers[x-tenant]", values: [`tenant-${index % 7}`, "admin*"] }],
  }));
  return {
    name: "500 rules with paths and headers",
    policies: [buildPolicy({ rules })],
    connection: CALLER,
    requests: requestsOf([
      "/api/v1/resource-499/items",
      "/api/v1/resource-0",
      "/api/v1/resource-250/a/b",
      "/api/v1/unknown",
      "/api/v2/x?y=z",
    ]),
  };
}

/** Templates that have to look at a long path, and that none of them matches (CV-22). @param bytes of the path */
export function twoHundredTemplates(bytes: number): PolicySet {
  const policies = Array.from({ length: 200 }, (_, index): PolicyText => {
    const literal = "b/".repeat(index % 7);
    const path = index % 2 === 0 ? `/{*}/a/{*}/${literal}{**}/c${index}` : `/{**}/${literal}c${index}`;
    return { name: `template-${index}`, action: "deny", rules: [{ to: [{ paths: [path] }] }] };
  });
  return {
    name: `200 templates, a path of ${bytes} bytes`,
    policies: policies.map(buildPolicy),
    connection: CALLER,
    requests: requestsOf([`/x/a/y/${"a/b/".repeat(bytes / 4 - 2)}d`]),
  };
}

function requestsOf(paths: readonly string[]): (count: number) => RequestAttributes[] {
  return (count) =>
    Array.from({ length: count }, (_, index) => ({
      method: fresh(index % 8 === 7 ? "DELETE" : "GET"),
      path: fresh(paths[index % paths.length] ?? "/"),
      host: fresh("httpbin.foo.svc.cluster.local:8000"),
      headers: new Map([
        ["user-agent", [fresh("curl/8.0")]],
        ["x-tenant", [fresh(`tenant-${index % 9}`)]],
      ]),
    }));
}

function fresh(text: string): string {
  return Buffer.from(text).toString("latin1");
}

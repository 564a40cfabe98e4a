/**
 * The import tables: who may import whom, each edge with its reason. `architecture.test.ts` holds the code against them.
 * A new edge is a design decision: write its reason here, or an ADR if it turns a direction around.
 */
export interface AreaRules {
  /** Folders of the same package that may be imported, each with the reason; "" = the files directly in `src`. */
  readonly mayImport: Readonly<Record<string, string>>;
  /** npm packages and our own packages' entries; absent = what the package as a whole may use. */
  readonly packages?: readonly string[];
  /** `node:`/`bun:` modules; a trailing * matches any rest. */
  readonly runtime?: readonly string[];
  /** Files besides index.ts by which the folder may be entered, each with the reason. */
  readonly entries?: Readonly<Record<string, string>>;
}

const spiffeCore = { core: "errors, clock, randomness: the lowest layer" };
const spiffeId = { ...spiffeCore, id: "identities are what everything here is about" };
const atFirstUse = { runtime: "modules of the runtime are loaded at their first use" };
const spiffeX509 = { ...spiffeId, x509: "certificates" };

const productCore = { core: "errors, audit, paths: the product's lowest layer" };
const productMesh = { ...productCore, mesh: "what exists: pods, services, proxy configuration" };
const spiffeAndPolicy = ["@symbolon/spiffe", "@symbolon/policy"];
const anyPorts = {
  ca: "implements its ports",
  agent: "implements its ports",
  proxy: "implements its ports",
  "control-plane": "implements its ports",
  "pod-runtime": "implements its ports",
  telemetry: "carries its records",
};

const ownProcess = "a process loads its own code and no other's: less memory, quicker start";
/** Of folders that other processes use as well. */
const dataPlane = { "data-plane.ts": `${ownProcess}; what a proxy needs of this folder` };

export const packages: Readonly<
  Record<string, { readonly packages: readonly string[]; readonly runtime: readonly string[] }>
> = {
  // undici and grpc-js are optional peers, each of one sub-path that nothing else imports.
  spiffe: { packages: [], runtime: ["node:crypto"] },
  policy: { packages: ["@symbolon/spiffe/core", "@symbolon/spiffe/id"], runtime: [] },
  symbolon: { packages: spiffeAndPolicy, runtime: [] },
  dashboard: { packages: ["@symbolon/policy", "symbolon/dashboard-api"], runtime: [] },
};

export const layers: Readonly<Record<string, Readonly<Record<string, AreaRules>>>> = {
  spiffe: {
    core: { mayImport: {}, runtime: [] },
    id: { mayImport: spiffeCore, runtime: [] },
    // A table of types: nothing of them is loaded before somebody calls for it.
    runtime: {
      mayImport: spiffeCore,
      runtime: ["node:crypto", "node:http", "node:http2", "node:https", "node:net", "node:tls"],
    },
    x509: { mayImport: { ...spiffeId, ...atFirstUse }, runtime: ["node:crypto"] },
    jwt: { mayImport: { ...spiffeCore, ...atFirstUse }, runtime: ["node:crypto"] },
    bundle: {
      mayImport: { ...spiffeX509, ...atFirstUse, jwt: "JWT authorities are keys" },
      runtime: ["node:crypto"],
    },
    svid: {
      mayImport: {
        ...spiffeX509,
        ...atFirstUse,
        jwt: "JWT-SVIDs",
        bundle: "an SVID is verified against a bundle",
      },
      runtime: ["node:crypto"],
    },
    "workload-api": {
      mayImport: {
        ...spiffeX509,
        ...atFirstUse,
        jwt: "claims",
        bundle: "what the agent sends",
        svid: "what the agent sends",
      },
      runtime: ["node:crypto", "node:net", "node:http2"],
      entries: { "wire.ts": "the fake server speaks the same wire format; for programs it is none of their business" },
    },
    source: {
      mayImport: {
        ...spiffeCore,
        id: "identities are what everything here is about",
        bundle: "hands out the agent's bundles",
        svid: "hands out the agent's SVIDs",
        "workload-api": "follows the agent",
      },
      runtime: [],
    },
    tls: {
      mayImport: {
        ...spiffeX509,
        ...atFirstUse,
        bundle: "authorities that a peer is verified against",
        svid: "verifies peers",
        source: "takes its identity from there",
      },
      runtime: ["node:http", "node:http2", "node:https", "node:net", "node:stream", "node:tls"],
    },
    undici: {
      mayImport: { ...spiffeCore, source: "takes its identity from there", tls: "connects" },
      packages: ["undici"],
      runtime: [],
    },
    grpc: {
      mayImport: {
        ...spiffeCore,
        svid: "who the caller is",
        source: "takes its identity from there",
        tls: "connects and listens",
      },
      packages: ["@grpc/grpc-js"],
      runtime: ["node:net"],
    },
    testing: {
      mayImport: {
        ...spiffeX509,
        jwt: "test tokens",
        bundle: "test bundles",
        svid: "test SVIDs",
        "workload-api": "a fake of its server",
        source: "sources without an agent",
      },
      runtime: ["node:crypto", "node:net", "node:http2", "node:stream", "node:fs", "node:os", "node:path"],
    },
  },
  policy: {
    document: { mayImport: {}, packages: ["@symbolon/spiffe/core"], runtime: [] },
    yaml: {
      mayImport: {
        document: "produces document trees",
        "": "Istio's MeshConfig is YAML text inside a ConfigMap",
      },
      packages: ["yaml", "@symbolon/spiffe/core"],
      runtime: [],
    },
    authorization: {
      mayImport: {
        "": "policies and attributes as values, and the matchers of one value each",
        document: "values of claims are JSON",
      },
      packages: [],
      runtime: [],
    },
    explain: {
      mayImport: {
        "": "policies and attributes as values, and the matchers of one value each",
        authorization: "the decision that it explains, and the structure of rules",
        document: "positions of values, and claims as JSON",
      },
      packages: [],
      runtime: [],
    },
    analysis: {
      mayImport: {
        "": "policies as values, and the matchers of one value each",
        authorization: "the structure of rules, so that both ways to write an item are one",
        document: "findings and positions",
      },
      packages: [],
      runtime: [],
    },
  },
  symbolon: {
    core: {
      mayImport: {},
      packages: ["@symbolon/spiffe/core", "@symbolon/spiffe/id", "@symbolon/spiffe/x509", "@symbolon/policy"],
      runtime: ["node:path"],
    },
    audit: { mayImport: productCore, packages: ["@symbolon/spiffe/core"], runtime: ["node:crypto"] },
    mesh: { mayImport: productCore, packages: spiffeAndPolicy, entries: { ...dataPlane, "ipv4.ts": ownProcess } },
    telemetry: { mayImport: productMesh },
    ca: {
      mayImport: productCore,
      runtime: ["node:crypto"],
      entries: { "stored-key.ts": `${ownProcess}; agents sign their audit logs and issue nothing` },
    },
    agent: { mayImport: productCore },
    "pod-runtime": { mayImport: productMesh },
    proxy: {
      mayImport: { ...productMesh, telemetry: "counts connections" },
      runtime: ["node:net", "node:tls", "node:stream", "bun"],
    },
    "control-plane": {
      mayImport: { ...productMesh, telemetry: "explains and keeps what proxies have denied" },
      runtime: ["node:crypto"],
    },
    "dashboard-api": { mayImport: productMesh },
    programs: { mayImport: {}, packages: [], runtime: ["node:*", "bun"] },
    gen: { mayImport: {}, packages: ["@bufbuild/protobuf"] },
    "adapters/fs": {
      mayImport: { ...productMesh, ...anyPorts, audit: "keeps its logs on the disk" },
      runtime: ["node:*", "bun"],
      entries: { "record-file.ts": ownProcess },
    },
    http2: { mayImport: { core: "errors" }, runtime: [] },
    "adapters/grpc": {
      mayImport: { ...productMesh, ...anyPorts, gen: "wire messages", http2: "gRPC is spoken over it" },
      packages: [...spiffeAndPolicy, "@grpc/grpc-js", "@bufbuild/protobuf"],
      runtime: ["node:*", "bun"],
    },
    "adapters/http": {
      mayImport: { ...productMesh, ...anyPorts },
      runtime: ["node:*", "bun"],
      entries: { "key-set-fetcher.ts": `${ownProcess}; part of a capture strategy`, "key-set-relay.ts": ownProcess },
    },
    "adapters/ipc": { mayImport: { ...productMesh, ...anyPorts }, runtime: ["node:*", "bun"], entries: dataPlane },
    "adapters/os": {
      mayImport: { ...productMesh, ...anyPorts },
      runtime: ["node:*", "bun", "bun:ffi"],
      entries: { ...dataPlane, "process-hardening.ts": "every process of the mesh begins with it" },
    },
    "adapters/sqlite": { mayImport: { ...productMesh, ...anyPorts }, runtime: ["node:*", "bun", "bun:sqlite"] },
    cli: {
      mayImport: {
        ...productMesh,
        "adapters/fs": "reads audit logs, also when no mesh runs",
        "adapters/http": "client of the control plane's API",
        "adapters/ipc": "client of the proxies' admin surface",
        audit: "verifies and searches audit logs",
        "adapters/os": "enters a running container for exec",
        "dashboard-api": "the same overview as the page",
        app: "commands start the processes that app composes",
        programs: "runs the built-in programs",
        telemetry: "prints the records of connections",
      },
      packages: [...spiffeAndPolicy, "commander"],
      runtime: ["node:*", "bun"],
    },
    app: {
      mayImport: {
        ...productMesh,
        ...anyPorts,
        audit: "a log of each process",
        "dashboard-api": "serves it",
        "adapters/fs": "composition root",
        "adapters/grpc": "composition root",
        "adapters/http": "composition root",
        "adapters/ipc": "composition root",
        "adapters/os": "composition root",
        "adapters/sqlite": "composition root",
      },
      packages: [...spiffeAndPolicy, "@symbolon/dashboard"],
      runtime: ["node:*", "bun"],
      entries: {
        "launcher.ts": ownProcess,
        "supervisor.ts": ownProcess,
        "control-plane.ts": ownProcess,
        "agent.ts": ownProcess,
        "host-agent.ts": ownProcess,
        "proxy.ts": ownProcess,
      },
    },
  },
  dashboard: {},
};

/** Folders of `@symbolon/spiffe` whose import may load modules of the runtime: programs do not import what tests are made with. */
export const importsAtOnce: ReadonlySet<string> = new Set(["testing"]);

/**
 * What a process has loaded when it has started, by the file that it starts with: folders below `packages`, each with the
 * reason. There is one proxy for each pod, so every folder here is paid for in memory by every pod. Of a folder that has
 * a data-plane.ts a proxy reaches that one, not index.ts.
 */
export const processes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "packages/symbolon/src/app/proxy.ts": {
    "symbolon/src/app": "composes the process",
    "symbolon/src/app/capture": "which connections come to the proxy, and how",
    "symbolon/src/core": "errors and paths",
    "symbolon/src/mesh": "its configuration",
    "symbolon/src/proxy": "what it is",
    "symbolon/src/proxy/http1": "reads and writes requests",
    "symbolon/src/telemetry": "records of connections, and metrics",
    "symbolon/src/adapters/fs": "the file of its access records",
    "symbolon/src/adapters/ipc": "hears from the control plane and the agent; answers its admin",
    "symbolon/src/adapters/os": "its place in a pod",
    "policy/src": "request authentication, and the matchers of one value each",
    "policy/src/authorization": "decides",
    "spiffe/src/core": "errors, clock, randomness",
    "spiffe/src/runtime": "modules of the runtime, at their first use",
    "spiffe/src/id": "who a peer is",
    "spiffe/src/x509": "a peer's certificates",
    "spiffe/src/jwt": "tokens of requests",
    "spiffe/src/bundle": "authorities that a peer is verified against",
    "spiffe/src/svid": "verifies peers",
  },
};

/** Runtime dependencies from npm, each with its reason (docs/adr/0003 and 0005 have the long form). */
export const npmDependencies: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  spiffe: {},
  policy: { yaml: "YAML 1.2 with the position of every node; own parser would be a second project" },
  symbolon: {
    "@bufbuild/protobuf": "protobuf messages with conformance; xDS needs Any and unknown fields",
    "@grpc/grpc-js": "reference wire behaviour for foreign gRPC clients (Istio agents, Envoy, SPIFFE libraries)",
    bun: "the runtime of every process",
    commander: "nested commands and help; no dependencies of its own",
  },
  dashboard: {},
};

const OWNERS_OF_TIME = [
  "packages/spiffe/src/core/clock.ts",
  "packages/symbolon/src/app/",
  "packages/symbolon/src/cli/",
  "packages/symbolon/src/programs/",
];
const OWNERS_OF_CONSOLE = [
  "packages/symbolon/src/app/",
  "packages/symbolon/src/cli/",
  "packages/symbolon/src/programs/",
];

export const reservedNames: readonly {
  readonly name: string;
  readonly pattern: RegExp;
  readonly allowedIn: readonly string[];
  readonly reason: string;
}[] = [
  {
    name: "Date.now",
    pattern: /\bDate\.now\b|\bnew Date\(\)/,
    allowedIn: OWNERS_OF_TIME,
    reason: "time is an argument (Clock)",
  },
  {
    name: "setTimeout",
    pattern: /\bset(Timeout|Interval)\(/,
    allowedIn: [...OWNERS_OF_TIME, "packages/spiffe/src/core/runtime-globals.ts", "packages/dashboard/src/"],
    reason: "timers come from the Clock",
  },
  {
    name: "Math.random",
    pattern: /\bMath\.random\b/,
    allowedIn: [],
    reason: "randomness is an argument (Random), always cryptographic",
  },
  {
    name: "process.env",
    pattern: /\bprocess\.env\b|\bBun\.env\b/,
    // The standard itself names the variable that a client looks at when it is given no address.
    allowedIn: [...OWNERS_OF_CONSOLE, "packages/spiffe/src/workload-api/environment.ts"],
    reason: "configuration is read in app/ and cli/",
  },
  {
    name: "console",
    pattern: /\bconsole\.\w/,
    allowedIn: [...OWNERS_OF_CONSOLE, "packages/dashboard/src/"],
    reason: "output goes through the Log port",
  },
];

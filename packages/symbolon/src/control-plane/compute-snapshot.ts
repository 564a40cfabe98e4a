import {
  type AuthorizationPolicy,
  createAuthorizationPolicyIndex,
  createPeerAuthenticationIndex,
  createRequestAuthenticationIndex,
  type EffectivePeerAuthentication,
  type MeshSecurityConfig,
  type PeerAuthentication,
  type PeerAuthenticationIndex,
  type PolicyIndex,
  type RequestAuthentication,
  usesAutoMtls,
} from "@symbolon/policy";
import { SpiffeId, TrustDomain } from "@symbolon/spiffe/id";
import {
  type EndpointView,
  type InboundPort,
  type LocalConfig,
  labelsMatch,
  type MeshView,
  type Pod,
  type PortProtocol,
  protocolOf,
  type ServiceObject,
  type ServicePort,
  type ServicePortView,
  type ServiceView,
  type WorkloadNames,
  type WorkloadView,
} from "../mesh/index.ts";
import { isReady, type PodRecord } from "./pod-record.ts";
import { requestAuthentication } from "./request-authentication-config.ts";
import { annotatedIdentities } from "./service-identities.ts";

export interface SnapshotInput {
  readonly trustDomain: string;
  readonly clusterDomain: string;
  readonly rootNamespace: string;
  readonly denialReasonHeader?: boolean;
  readonly services: readonly AddressedService[];
  /** Every pod that is there, terminating ones included. */
  readonly pods: readonly PodRecord[];
  readonly policies: readonly PeerAuthentication[];
  readonly authorizationPolicies: readonly AuthorizationPolicy[];
  /** Absent: none. */
  readonly requestAuthentications?: readonly RequestAuthentication[];
  /** JSON text of the JWK set of a source (`keySourceOf`), as far as it is known. */
  readonly keySet?: (source: string) => string | undefined;
  /** Absent: Istio's defaults. */
  readonly meshConfig?: Pick<MeshSecurityConfig, "trustDomainAliases" | "pathNormalization" | "enableAutoMtls">;
}

export interface AddressedService {
  readonly service: ServiceObject;
  /** Cluster IP; absent for a headless service. */
  readonly address?: string;
  /** Decides whose protocol counts when two Services lead to one pod port. */
  readonly createdAt: string;
}

/** What all proxies know, and what each knows of itself, without a version: equal input gives equal output. */
export interface SnapshotContent {
  readonly mesh: MeshView;
  readonly locals: ReadonlyMap<string, LocalConfig>;
}

export function computeSnapshot(input: SnapshotInput): SnapshotContent {
  const index = createPeerAuthenticationIndex(input.policies, input.rootNamespace);
  const pods = [...input.pods].sort(
    (a, b) =>
      compareText(a.pod.namespace, b.pod.namespace) ||
      compareText(a.pod.name, b.pod.name) ||
      compareText(a.pod.uid, b.pod.uid),
  );
  const services = [...input.services].sort(
    (a, b) =>
      compareText(a.service.meta.namespace, b.service.meta.namespace) ||
      compareText(a.service.meta.name, b.service.meta.name),
  );
  const context: Context = {
    trustDomain: TrustDomain.parse(input.trustDomain),
    trustDomainAliases: input.meshConfig?.trustDomainAliases ?? [],
    index,
    authorization: createAuthorizationPolicyIndex(input.authorizationPolicies, input.rootNamespace),
    authentication: createRequestAuthenticationIndex(input.requestAuthentications ?? [], input.rootNamespace),
    keySet: input.keySet ?? (() => undefined),
    autoMtls: input.meshConfig?.enableAutoMtls ?? true,
    services,
    workloads: pods.map((record) => ({ record, effective: index.effective(record.pod) })),
  };
  const locals = context.workloads.map((workload) => localConfig(context, workload));
  return {
    mesh: {
      trustDomain: input.trustDomain,
      trustDomainAliases: input.meshConfig?.trustDomainAliases ?? [],
      pathNormalization: input.meshConfig?.pathNormalization ?? "base",
      denialReasonHeader: input.denialReasonHeader ?? false,
      clusterDomain: input.clusterDomain,
      services: services.map((service) => serviceView(context, service)),
      workloads: context.workloads.map((workload) => workloadView(context, workload)),
      capturedPorts: capturedPorts(services, locals),
    },
    locals: new Map(locals.map((local) => [local.podUid, local])),
  };
}

interface Context {
  readonly trustDomain: TrustDomain;
  readonly trustDomainAliases: readonly string[];
  readonly index: PeerAuthenticationIndex;
  readonly authorization: PolicyIndex<AuthorizationPolicy>;
  readonly authentication: PolicyIndex<RequestAuthentication>;
  readonly keySet: (source: string) => string | undefined;
  readonly autoMtls: boolean;
  readonly services: readonly AddressedService[];
  readonly workloads: readonly Workload[];
}

interface Workload {
  readonly record: PodRecord;
  readonly effective: EffectivePeerAuthentication;
}

function serviceView(context: Context, { service, address }: AddressedService): ServiceView {
  const selected = context.workloads.filter(({ record }) => selects(service, record.pod));
  const expectedSpiffeIds = secureNames(context, service, selected);
  return {
    namespace: service.meta.namespace,
    name: service.meta.name,
    ...(address === undefined ? {} : { address }),
    ports: tcpPorts(service).map((port) => servicePortView(context, { service, port, selected, expectedSpiffeIds })),
  };
}

function servicePortView(
  context: Context,
  input: {
    readonly service: ServiceObject;
    readonly port: ServicePort;
    readonly selected: readonly Workload[];
    readonly expectedSpiffeIds: readonly string[];
  },
): ServicePortView {
  const { service, port, selected, expectedSpiffeIds } = input;
  const namespaceMode = context.index.namespaceMtlsMode(service.meta.namespace);
  const serving = selected.filter(
    ({ record }) => isReady(record) || (service.publishNotReadyAddresses && record.terminatingSince === undefined),
  );
  // istio-security §4.3: a headless service is plaintext as a whole as soon as one endpoint has no sidecar.
  const allHaveSidecar = serving.every(({ record }) => record.pod.sidecar);
  const endpoints = serving.flatMap(({ record: { pod }, effective }): EndpointView[] => {
    const podPort = podPortOf(pod, port);
    if (podPort === undefined) return [];
    const auto = usesAutoMtls({
      namespaceMode,
      meshExternal: false,
      endpoint: { hasSidecar: pod.sidecar, mode: effective.modeForPort(podPort) },
    });
    const tls = context.autoMtls && auto && (service.clusterIp !== "none" || allHaveSidecar);
    return [{ podUid: pod.uid, address: pod.address, port: podPort, tls }];
  });
  return { port: port.port, protocol: protocolOf(port), endpoints, expectedSpiffeIds };
}

/**
 * istio-security §4.4: who may serve this Service. All pods that it selects, ready or not, so that a restart does not
 * change the list; and the accounts that the Service's annotations name; each in every trust-domain alias as well.
 */
function secureNames(context: Context, service: ServiceObject, selected: readonly Workload[]): readonly string[] {
  const { serviceAccounts, canonical } = annotatedIdentities(service);
  const accounts = serviceAccounts.map((name) => spiffeId(context, service.meta.namespace, name));
  const running = selected.map(({ record: { pod } }) => spiffeId(context, pod.namespace, pod.serviceAccount));
  const names = [...running, ...accounts, ...canonical];
  // A wildcard is for policies: it names nobody.
  const domains = context.trustDomainAliases.filter((alias) => !alias.includes("*"));
  const inAliases = names.flatMap((name) =>
    domains.map((domain) => name.replace(/^spiffe:\/\/[^/]*/, `spiffe://${domain}`)),
  );
  return [...new Set([...names, ...inAliases])].sort();
}

function workloadView(context: Context, { record: { pod }, effective }: Workload): WorkloadView {
  const disabled = [...effective.ports].filter(([, mode]) => mode === "disable").map(([port]) => port);
  return {
    podUid: pod.uid,
    namespace: pod.namespace,
    name: pod.name,
    address: pod.address,
    spiffeId: spiffeId(context, pod.namespace, pod.serviceAccount),
    sidecar: pod.sidecar,
    plaintextPorts: disabled.sort((a, b) => a - b),
    plaintextByDefault: effective.mode === "disable",
    names: workloadNames(pod),
  };
}

/** Which labels count, and in which order: Istio's `canonicalServiceName` and `canonicalServiceRevision`. */
function workloadNames({ name, deployment, labels }: Pod): WorkloadNames {
  const workload = deployment ?? name;
  const first = (...keys: readonly string[]) => keys.map((key) => labels[key]).find((value) => value);
  return {
    workload,
    ...(labels.app ? { app: labels.app } : {}),
    ...(labels.version ? { version: labels.version } : {}),
    canonicalService: first("service.istio.io/canonical-name", "app.kubernetes.io/name", "app") ?? workload,
    canonicalRevision: first("service.istio.io/canonical-revision", "app.kubernetes.io/version", "version") ?? "latest",
  };
}

function localConfig(context: Context, { record: { pod }, effective }: Workload): LocalConfig {
  const protocols = podPortProtocols(context, pod);
  const ports = new Set([...containerTcpPorts(pod), ...protocols.keys(), ...effective.ports.keys()]);
  return {
    podUid: pod.uid,
    podName: pod.name,
    namespace: pod.namespace,
    serviceAccount: pod.serviceAccount,
    address: pod.address,
    sidecar: pod.sidecar,
    inboundMode: effective.mode,
    inboundPorts: [...ports]
      .sort((a, b) => a - b)
      .map((port): InboundPort => {
        const { mode, policy } = effective.decisionForPort(port);
        return {
          port,
          protocol: protocols.get(port) ?? "auto",
          mode,
          decidedBy: policy === undefined ? "default" : `PeerAuthentication ${policy.namespace}/${policy.name}`,
        };
      }),
    authorizationPolicies: context.authorization.attached(pod).map(withoutCreation),
    ...requestAuthentication(context.authentication.attached(pod), context.keySet),
  };
}

const undated = new WeakMap<AuthorizationPolicy, AuthorizationPolicy>();

/** A time is no JSON, and no proxy asks for one. The same object for the same policy. */
function withoutCreation(policy: AuthorizationPolicy): AuthorizationPolicy {
  const known = undated.get(policy);
  if (known) return known;
  const { creationTimestamp: _, ...made } = policy;
  undated.set(policy, made);
  return made;
}

/** Protocol of each pod port that a Service leads to; of several Services the oldest decides. */
function podPortProtocols(context: Context, pod: Pod): ReadonlyMap<number, PortProtocol> {
  const protocols = new Map<number, PortProtocol>();
  const byAge = context.services
    .filter(({ service }) => selects(service, pod))
    .toSorted((a, b) => compareText(a.createdAt, b.createdAt));
  for (const { service } of byAge) {
    for (const port of tcpPorts(service)) {
      const podPort = podPortOf(pod, port);
      if (podPort !== undefined && !protocols.has(podPort)) protocols.set(podPort, protocolOf(port));
    }
  }
  return protocols;
}

/** Every Service port and every known pod port: what is not in it cannot be reached through a proxy. */
function capturedPorts(services: readonly AddressedService[], locals: readonly LocalConfig[]): readonly number[] {
  const ports = new Set([
    ...services.flatMap(({ service }) =>
      tcpPorts(service).flatMap(({ port, targetPort }) =>
        typeof targetPort === "number" ? [port, targetPort] : [port],
      ),
    ),
    ...locals.flatMap(({ inboundPorts }) => inboundPorts.map(({ port }) => port)),
  ]);
  return [...ports].sort((a, b) => a - b);
}

function podPortOf(pod: Pod, { targetPort }: ServicePort): number | undefined {
  if (typeof targetPort === "number") return targetPort;
  const ports = pod.containers.flatMap((container) => container.ports);
  return ports.find((port) => port.name === targetPort && port.protocol === "tcp")?.containerPort;
}

function containerTcpPorts(pod: Pod): readonly number[] {
  return pod.containers.flatMap(({ ports }) =>
    ports.filter(({ protocol }) => protocol === "tcp").map((port) => port.containerPort),
  );
}

function tcpPorts(service: ServiceObject): readonly ServicePort[] {
  return service.ports.filter((port) => port.protocol === "tcp");
}

/** A Service without selector selects nothing, not everything. */
function selects(service: ServiceObject, pod: Pod): boolean {
  return (
    pod.namespace === service.meta.namespace &&
    Object.keys(service.selector).length > 0 &&
    labelsMatch(service.selector, pod.labels)
  );
}

function spiffeId({ trustDomain }: Context, namespace: string, serviceAccount: string): string {
  return SpiffeId.fromSegments(trustDomain, "ns", namespace, "sa", serviceAccount).toString();
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

import { hostname } from "node:os";
import { createObservable, Secret, systemClock, systemRandom } from "@symbolon/spiffe/core";
import { TrustDomain } from "@symbolon/spiffe/id";
import {
  createConfigFiles,
  openSecretDirectory,
  sealedSecretDirectory,
  secretDirectory,
  unsealedSecretDirectory,
  writeFileAtomically,
} from "../adapters/fs/index.ts";
import { createCertificateServer, serveAgents } from "../adapters/grpc/index.ts";
import { serveApi } from "../adapters/http/index.ts";
import { serveProxyConfigs, serveReports } from "../adapters/ipc/index.ts";
import { listenOnUnixSocket, peerProcess } from "../adapters/os/index.ts";
import { openDatabase } from "../adapters/sqlite/index.ts";
import {
  type CertificateAuthority,
  createCertificateAuthority,
  DEFAULT_JWT_SVID_LIFETIME_SECONDS,
  loadTokenIssuer,
  type SecretDirectory,
  type TokenIssuer,
} from "../ca/index.ts";
import {
  createControlPlane,
  createDenials,
  createPlaintextCallers,
  type MeshIssuance,
} from "../control-plane/index.ts";
import { productError } from "../core/index.ts";
import { numberToIpv4 } from "../mesh/index.ts";
import { addressRanges } from "./address-ranges.ts";
import { captureStrategy } from "./capture/index.ts";
import { createProcessLog } from "./log.ts";
import { manifestFiles, manifestRules } from "./manifest-rules.ts";
import { type MeshConfig, PASSPHRASE_VARIABLE, pathsOf } from "./mesh-config.ts";
import { createMeshMetrics } from "./mesh-metrics.ts";
import { openProcessAudit } from "./process-audit.ts";
import { runUntilSignal } from "./run-until-signal.ts";
import { createStateDatabase } from "./state-database.ts";

const TOKEN_ISSUER = "https://kubernetes.default.svc.cluster.local";
const TOKEN_AUDIENCE = "istio-ca";
const TOKEN_LIFETIME_SECONDS = 3600;

/** CA, configuration and API: the process that decides, and that no byte of traffic passes. */
export function runControlPlane(config: MeshConfig): Promise<number> {
  const log = createProcessLog("control-plane", config.logLevel);
  const paths = pathsOf(config);
  const passphrase = takePassphrase();
  return runUntilSignal(log, async () => {
    const shared = { clock: systemClock, random: systemRandom, log };
    const ranges = addressRanges(config);
    const state = createStateDatabase({ database: openDatabase(paths.database), clock: systemClock, log });
    const auditKeys = await keyDirectory(paths.auditKeysDirectory, passphrase);
    const audit = await openProcessAudit("control-plane", { config, keys: auditKeys, log });
    await audit.write({ kind: "mesh.start", outcome: "started", actor: "symbolon", subject: config.name });

    const plane = await createControlPlane({
      ...shared,
      store: state.meshState,
      source: createConfigFiles(manifestFiles(config)),
      manifests: manifestRules(config),
      trustDomain: config.trustDomain,
      clusterDomain: config.clusterDomain,
      rootNamespace: config.rootNamespace,
      denialReasonHeader: config.denialReasonHeader,
      keySetFetcher: captureStrategy(config.capture).createKeySetFetcher(config, paths),
      podRange: ranges.pods,
      serviceRange: ranges.services,
      node: { name: hostname(), address: numberToIpv4(ranges.pods.network + 1) },
      audit,
    });
    const tokens = await loadTokenIssuer({
      issuer: TOKEN_ISSUER,
      directory: await keyDirectory(paths.tokenIssuerDirectory, passphrase),
      clock: systemClock,
      random: systemRandom,
    });
    const ca = await createCertificateAuthority({
      ...shared,
      trustDomain: TrustDomain.parse(config.trustDomain),
      stateDirectory: await keyDirectory(paths.caDirectory, passphrase),
      ...(config.caCertificatesDirectory ? { pluggedIn: secretDirectory(config.caCertificatesDirectory) } : {}),
      issuances: state.issuances,
      tokens: { issuer: tokens.issuer, audiences: [TOKEN_AUDIENCE], keySet: () => tokens.keySet },
      pods: { findPod: async (uid) => plane.findPod(uid)?.pod },
      entries: { findEntry: (id) => plane.entries.current.find((entry) => entry.id === id) },
      profile: { defaultLifetimeSeconds: config.svidLifetimeSeconds },
      ...(config.jwtAlgorithm === undefined ? {} : { jwtAlgorithm: config.jwtAlgorithm }),
      audit,
    });
    await writeFileAtomically(paths.rootCertificate, Buffer.from(ca.rootsPem), 0o644);
    const certificateServer = createCertificateServer({
      ...shared,
      createCertificate: ca.createCertificate,
      identity: ca.serverIdentity,
    });
    await certificateServer.start(config.capture.ca);
    const ownBundle = createObservable([ca.jwt.bundle.current]);
    const unfollowBundle = ca.jwt.bundle.subscribe((bundle) => ownBundle.set([bundle]));
    const agents = await serveAgents({
      ...shared,
      path: paths.caSocket,
      listen: listenOnUnixSocket,
      bundles: ownBundle,
      entries: plane.entries,
      createEntrySvid: ca.createEntrySvid,
      createJwtSvid: ca.createWorkloadJwtSvid,
    });
    const proxies = {
      listen: listenOnUnixSocket,
      readPeer: peerProcess,
      proxyOf: (podUid: string) => plane.findPod(podUid)?.status?.proxy,
      log,
    };
    const configs = await serveProxyConfigs({ ...proxies, path: paths.configSocket, configs: plane.configs });
    const denials = createDenials({
      configs: plane.configs,
      denials: state.denials,
      audit,
      clock: systemClock,
      log,
    });
    const plaintextCallers = createPlaintextCallers({
      pods: plane.pods,
      callers: state.plaintextCallers,
      clock: systemClock,
    });
    const reports = await serveReports({
      ...proxies,
      path: paths.reportsSocket,
      async store(podUid, report) {
        plaintextCallers.store(podUid, report.plaintext);
        for (const source of report.unknownKeys) plane.keyUnknown(source);
        await denials.store(podUid, report);
      },
    });
    const api = serveApi({
      socketPath: paths.apiSocket,
      backend: {
        ...plane,
        status: () => {
          const status = plane.status();
          const problems = [audit.problem.current, state.problem(), ...agents.problems()];
          const findings = [...status.findings, ...problems.filter((problem) => problem !== undefined)];
          return { ...status, findings, issuance: issuanceOf(config, ca) };
        },
        podSecrets: (uid) => podSecrets(plane.findPod(uid)?.pod, tokens, ca.rootsPem, uid),
        denials: denials.list,
        plaintextCallers: plaintextCallers.list,
        recordCommand: (command) => audit.write({ kind: "command.run", outcome: "started", ...command }),
        metrics: createMeshMetrics({ status: plane.status, caNumbers: ca.counters, paths }),
      },
      log,
    });
    return {
      async close() {
        plane.close();
        await api.stop();
        configs.close();
        reports.close();
        unfollowBundle();
        await agents.close();
        await certificateServer.close();
        ca.close();
        await audit.write({ kind: "mesh.stop", outcome: "success", actor: "symbolon", subject: config.name });
        await audit.close();
        state.close();
      },
    };
  });
}

function issuanceOf(config: MeshConfig, ca: CertificateAuthority): MeshIssuance {
  return {
    x509LifetimeSeconds: config.svidLifetimeSeconds,
    jwtLifetimeSeconds: DEFAULT_JWT_SVID_LIFETIME_SECONDS,
    signingRemainingSeconds: ca.counters().citadel_server_cert_chain_expiry_seconds ?? 0,
  };
}

function podSecrets(
  pod: { readonly namespace: string; readonly name: string; readonly serviceAccount: string } | undefined,
  tokens: TokenIssuer,
  rootCertificatePem: string,
  podUid: string,
) {
  if (!pod) throw productError("ERR_OBJECT_NOT_FOUND", `there is no pod with uid "${podUid}"`);
  const { token } = tokens.issueServiceAccountToken({
    namespace: pod.namespace,
    serviceAccount: pod.serviceAccount,
    podName: pod.name,
    podUid,
    audiences: [TOKEN_AUDIENCE],
    lifetimeSeconds: TOKEN_LIFETIME_SECONDS,
  });
  return { rootCertificatePem, serviceAccountToken: token.expose() };
}

async function keyDirectory(path: string, passphrase: Secret<string> | undefined): Promise<SecretDirectory> {
  const directory = await openSecretDirectory(path);
  if (passphrase === undefined) return unsealedSecretDirectory(directory);
  return sealedSecretDirectory(directory, { passphrase, random: systemRandom });
}

/** Read once and removed, so that no child process and no dump of the environment has it. */
function takePassphrase(): Secret<string> | undefined {
  const value = process.env[PASSPHRASE_VARIABLE];
  delete process.env[PASSPHRASE_VARIABLE];
  return value ? new Secret(value) : undefined;
}

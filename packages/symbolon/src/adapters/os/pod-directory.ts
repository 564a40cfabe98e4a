import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { SIDECAR_ADDRESS } from "./pod-addresses.ts";

/** Where a pod's files lie below its runtime directory. Directories are what is mounted: a replaced file shows inside. */
export interface PodLayout {
  /** Becomes /var/run/secrets/istio. */
  readonly istioSecrets: string;
  readonly rootCertificate: string;
  /** Becomes /var/run/secrets/tokens. */
  readonly tokens: string;
  readonly serviceAccountToken: string;
  /** Becomes /var/run/secrets/kubernetes.io/serviceaccount. */
  readonly serviceAccount: string;
  /** Becomes /var/run/secrets/workload-spiffe-uds: the pod's Workload API has its socket here. */
  readonly workloadSocketDirectory: string;
  readonly resolvConf: string;
  readonly hosts: string;
  readonly nsswitchConf: string;
  /** Where a container's /run is put together before it covers the machine's. */
  readonly stage: string;
  readonly containers: string;
}

export function podLayout(directory: string): PodLayout {
  const files = join(directory, "files");
  return {
    istioSecrets: join(files, "istio"),
    rootCertificate: join(files, "istio", "root-cert.pem"),
    tokens: join(files, "tokens"),
    serviceAccountToken: join(files, "tokens", "istio-token"),
    serviceAccount: join(files, "serviceaccount"),
    workloadSocketDirectory: join(directory, "uds"),
    resolvConf: join(files, "resolv.conf"),
    hosts: join(files, "hosts"),
    nsswitchConf: join(files, "nsswitch.conf"),
    stage: join(directory, "run"),
    containers: join(directory, "containers"),
  };
}

export interface PodDirectoryContent {
  readonly name: string;
  readonly namespace: string;
  readonly address: string;
  readonly clusterDomain: string;
}

/** Makes a pod's runtime directory with all that does not change during its life. Safe to repeat. */
export function createPodDirectory(directory: string, content: PodDirectoryContent): PodLayout {
  const layout = podLayout(directory);
  for (const path of [
    directory,
    layout.istioSecrets,
    layout.tokens,
    layout.serviceAccount,
    layout.workloadSocketDirectory,
    layout.stage,
    layout.containers,
  ])
    mkdirSync(path, { recursive: true, mode: 0o700 });
  const { name, namespace, address, clusterDomain } = content;
  replaceFile(layout.resolvConf, resolvConf(namespace, clusterDomain), 0o644);
  replaceFile(layout.hosts, `127.0.0.1\tlocalhost\n${address}\t${name}\n`, 0o644);
  replaceFile(layout.nsswitchConf, withDnsOnly(textOf("/etc/nsswitch.conf")), 0o644);
  replaceFile(join(layout.serviceAccount, "namespace"), namespace, 0o644);
  return layout;
}

export function removePodDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

/** Puts a pod's root certificate and token in place, each in one step: a reader sees the old or the new one. */
export function publishPodSecrets(
  directory: string,
  secrets: { readonly rootCertificatePem?: string; readonly serviceAccountToken?: string },
): void {
  const layout = podLayout(directory);
  if (secrets.rootCertificatePem !== undefined) replaceFile(layout.rootCertificate, secrets.rootCertificatePem, 0o644);
  if (secrets.serviceAccountToken !== undefined)
    replaceFile(layout.serviceAccountToken, secrets.serviceAccountToken, 0o600);
}

/** Kubernetes' ClusterFirst: short names are tried in the pod's own namespace first. */
export function resolvConf(namespace: string, clusterDomain: string): string {
  const search = [`${namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain].join(" ");
  return `nameserver ${SIDECAR_ADDRESS}\nsearch ${search}\noptions ndots:5\n`;
}

/** Modules that ask the machine's own resolver daemons ("resolve", "mdns") would never reach the sidecar's DNS. */
export function withDnsOnly(nsswitch: string): string {
  const hosts = "hosts: files dns";
  return /^hosts:/m.test(nsswitch) ? nsswitch.replace(/^hosts:.*$/m, hosts) : `${nsswitch}${hosts}\n`;
}

function replaceFile(path: string, text: string, mode: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.new`;
  writeFileSync(temporary, text, { mode });
  chmodSync(temporary, mode);
  renameSync(temporary, path);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Explicit capture of one pod, as the supervisor has arranged it before the pod's proxy starts. */
export interface PodCapture {
  /** Loopback port of the proxy that the pod's programs have in `http_proxy`. */
  readonly outboundPort: number;
  /** SHA-256 in hex of the credentials in it. */
  readonly credentialsDigest: string;
  /** Pod port to the loopback port on which the application listens; a port that is not named is the same on both. */
  readonly applicationPorts: Readonly<Record<string, number>>;
}

const CAPTURE = "capture.json";
const LISTENERS = "listeners.json";

export function savePodCapture(podDirectory: string, capture: PodCapture): void {
  replace(join(podDirectory, CAPTURE), JSON.stringify(capture));
}

export function loadPodCapture(podDirectory: string): PodCapture {
  return JSON.parse(readFileSync(join(podDirectory, CAPTURE), "utf8")) as PodCapture;
}

/** A proxy says where it listens: pod port to loopback port. */
export function publishListeners(podDirectory: string, listeners: ReadonlyMap<number, number>): void {
  const path = join(podDirectory, LISTENERS);
  if (listeners.size === 0) rmSync(path, { force: true });
  else replace(path, JSON.stringify(Object.fromEntries(listeners)));
}

/** What other pods' proxies have published; a file is read again when it has been replaced. */
export function createListenerDirectory(
  podDirectory: (podUid: string) => string,
): (podUid: string, podPort: number) => number | undefined {
  const known = new Map<string, { readonly version: string; readonly ports: Readonly<Record<string, number>> }>();
  return (podUid, podPort) => {
    const path = join(podDirectory(podUid), LISTENERS);
    try {
      const { ino, mtimeMs } = statSync(path);
      const version = `${ino} ${mtimeMs}`;
      let entry = known.get(podUid);
      if (entry?.version !== version) {
        entry = { version, ports: JSON.parse(readFileSync(path, "utf8")) as Record<string, number> };
        known.set(podUid, entry);
      }
      return entry.ports[podPort];
    } catch {
      known.delete(podUid);
      return undefined;
    }
  };
}

/** In one step: a reader sees the old or the new one. */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

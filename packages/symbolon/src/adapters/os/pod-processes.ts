import { readFileSync, statSync } from "node:fs";
import type { PodProcesses } from "../../agent/index.ts";
import { loadContainerProcesses } from "./container-spec.ts";
import { podNamespaces } from "./pod-addresses.ts";
import { loadPodCapture } from "./pod-capture-file.ts";
import { podLayout } from "./pod-directory.ts";
import { parentProcess, processStartTicks } from "./process-stat.ts";
import { digestInEnvironment } from "./proxy-credentials.ts";

/**
 * Pods that are network namespaces: a process is in the pod when it, or one that it descends from, has the application's
 * network namespace. To enter another pod's it would need a capability in the mesh's user namespace, and it has none.
 */
export function createNamespacePodProcesses(namespacesDirectory: string): PodProcesses {
  return {
    isInPod(podUid, pid) {
      const wanted = identityOf(podNamespaces(namespacesDirectory, podUid).application);
      return wanted !== undefined && descendsFrom(pid, (ancestor) => identityOf(`/proc/${ancestor}/ns/net`) === wanted);
    },
  };
}

/**
 * Pods that are ordinary processes: one that was started with the secret of the pod's proxy in its environment, or by one
 * that was. A program may write over its environment; the container's own process is known without it.
 */
export function createPlainPodProcesses(podDirectory: (podUid: string) => string): PodProcesses {
  return {
    isInPod(podUid, pid) {
      const directory = podDirectory(podUid);
      const firsts = new Map(loadContainerProcesses(podLayout(directory).containers).map((each) => [each.pid, each]));
      const wanted = credentialsDigestOf(directory);
      return descendsFrom(pid, (ancestor) => {
        const first = firsts.get(ancestor);
        if (first !== undefined && processStartTicks(ancestor) === first.startTicks) return true;
        return wanted !== undefined && digestInEnvironment(environmentOf(ancestor)) === wanted;
      });
    },
  };
}

/**
 * The same from outside of the mesh, where its namespaces' files are not to be seen.
 * @param firstProcesses of a pod's containers, as this process's PID namespace knows them
 */
export function createForeignPodProcesses(firstProcesses: (podUid: string) => readonly number[]): PodProcesses {
  return {
    isInPod(podUid, pid) {
      const wanted = new Set(firstProcesses(podUid).flatMap((first) => identityOf(`/proc/${first}/ns/net`) ?? []));
      return descendsFrom(pid, (ancestor) => wanted.has(identityOf(`/proc/${ancestor}/ns/net`) ?? ""));
    },
  };
}

/** Whether one process is, or descends from, another. */
export function isBelow(pid: number, ancestor: number): boolean {
  return descendsFrom(pid, (member) => member === ancestor);
}

/** More generations than any process has; a guard against a circle that ids of ended processes could make. */
const MAX_GENERATIONS = 1000;

/**
 * Whether a process or one of its ancestors in this PID namespace is what is looked for. The line is read again
 * afterwards: as long as it is the same, no id in it has gone to another process meanwhile.
 */
function descendsFrom(pid: number, isWanted: (pid: number) => boolean): boolean {
  const line: { readonly pid: number; readonly parent: number | undefined }[] = [];
  for (let at = pid; at > 1 && line.length < MAX_GENERATIONS; ) {
    if (isWanted(at)) return line.every((member) => parentProcess(member.pid) === member.parent);
    const parent = parentProcess(at);
    line.push({ pid: at, parent });
    at = parent ?? 0;
  }
  return false;
}

/** Device and inode: two paths with the same ones are one namespace. */
function identityOf(namespaceFile: string): string | undefined {
  try {
    const { dev, ino } = statSync(namespaceFile);
    return `${dev} ${ino}`;
  } catch {
    return undefined;
  }
}

function environmentOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return [];
  }
}

function credentialsDigestOf(directory: string): string | undefined {
  try {
    return loadPodCapture(directory).credentialsDigest;
  } catch {
    return undefined;
  }
}

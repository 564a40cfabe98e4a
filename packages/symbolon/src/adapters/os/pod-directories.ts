import type { PodDirectories } from "../../pod-runtime/index.ts";
import { createPodDirectory, removePodDirectory } from "./pod-directory.ts";

export interface PodDirectoriesOptions {
  readonly podDirectory: (podUid: string) => string;
  readonly clusterDomain: string;
}

export function createPodDirectories({ podDirectory, clusterDomain }: PodDirectoriesOptions): PodDirectories {
  return {
    async prepare(pod) {
      createPodDirectory(podDirectory(pod.uid), { ...pod, clusterDomain });
    },
    async remove(pod) {
      removePodDirectory(podDirectory(pod.uid));
    },
  };
}

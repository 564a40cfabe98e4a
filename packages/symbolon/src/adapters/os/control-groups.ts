/** Where processes stand in the trees of control groups: which unit and which container they belong to. */
export interface ControlGroupFacts {
  /** Unit of the system's service manager, as `systemctl status PID` names it. */
  readonly unit?: string;
  /** Id of the container, 64 hexadecimal digits, in which the system's container runtime runs the process. */
  readonly containerId?: string;
  /**
   * The same below a user's own service manager. That user may make control groups of any name there, so that this is
   * his word and must never be taken for the system's.
   */
  readonly rootlessContainerId?: string;
}

/** @param text of /proc/PID/cgroup: one `ID:CONTROLLERS:PATH` a line */
export function controlGroupFacts(text: string): ControlGroupFacts {
  const hierarchies = text.split("\n").flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    // Outside of what this process's own cgroup namespace shows.
    return controllers === undefined || path === undefined || path.split("/").includes("..")
      ? []
      : [{ controllers, path }];
  });
  // The root of a tree says nothing: systemd manages the unified one also where somebody has mounted its old one.
  const managed = ["name=systemd", ""].flatMap((tree) =>
    hierarchies.filter(({ controllers, path }) => controllers === tree && path !== "/"),
  )[0];
  const unit = managed && unitOf(managed.path);
  const containers = new Set(hierarchies.flatMap(({ path }) => containerOf(path) ?? []));
  const owner = idOwner(unit);
  // Two names for one process: none of them can be relied on.
  const [id] = containers.size === 1 ? containers : [];
  return {
    ...(unit === undefined ? {} : { unit }),
    ...(id === undefined ? {} : owner === "user" ? { rootlessContainerId: id } : {}),
    ...(id === undefined || owner !== "system" ? {} : { containerId: id }),
  };
}

/** Who has made, and named, the groups below a unit's own. */
function idOwner(unit: string | undefined): "system" | "user" | "service" {
  if (unit === undefined || unit.endsWith(".scope") || CONTAINER_SERVICE.test(unit)) return "system";
  return USER_MANAGER.test(unit) ? "user" : "service";
}

/** Services that run the system's containers below themselves; any other may have been given its groups to name as it likes. */
const CONTAINER_SERVICE =
  /^(?:containerd|docker|snap\.docker\.dockerd|crio|podman|kubelet|k3s|k3s-agent|rke2-server|rke2-agent)\.service$/;
const USER_MANAGER = /^user@\d+\.service$/;
const UNIT_NAME = /^[A-Za-z0-9:_.\\@-]{1,249}\.(?:service|scope|socket|mount|swap|target|timer|path|device|automount)$/;

/** The first group below the slices is the unit's; what is below that is the unit's own affair, whatever its name. */
function unitOf(path: string): string | undefined {
  // systemd puts "_" before names that could be taken for the kernel's files.
  const names = segments(path).map((name) => name.replace(/^_/, ""));
  const first = names.find((name) => !name.endsWith(".slice"));
  return first !== undefined && UNIT_NAME.test(first) ? first : undefined;
}

/** Full ids of Docker, containerd, CRI-O and Podman; containerd also takes other names, which cannot be told from anything else. */
const ID = "[0-9a-f]{64}";
const CONTAINER_GROUPS = [
  // systemd driver: docker-ID.scope, cri-containerd-ID.scope, crio-ID.scope, libpod-ID.scope, nerdctl-ID.scope.
  new RegExp(`^(?:docker|cri-containerd|crio|libpod|nerdctl|buildkit)-(${ID})(?:\\.scope)?$`),
  // containerd below its own service: kubepods-...-podUID.slice:cri-containerd:ID.
  new RegExp(`^[^:]*:(?:cri-containerd|docker|crio|nerdctl):(${ID})$`),
  // cgroupfs driver: /docker/ID, /kubepods/burstable/podUID/ID, /default/ID, /ecs/TASK/ID.
  new RegExp(`^(${ID})$`),
];

/**
 * The outermost: below its own group a container's root may make groups of any name. `crio-conmon-ID.scope` and
 * `libpod-conmon-ID.scope` hold the monitor of a container, which is no part of it.
 */
function containerOf(path: string): string | undefined {
  for (const name of segments(path))
    for (const form of CONTAINER_GROUPS) {
      const [, id] = form.exec(name) ?? [];
      if (id !== undefined) return id;
    }
  return undefined;
}

function segments(path: string): readonly string[] {
  return path.split("/").filter(Boolean);
}

import { describe, expect, test } from "bun:test";
import { controlGroupFacts } from "./control-groups.ts";

const A = "a".repeat(64);
const B = "0123456789abcdef".repeat(4);

describe("controlGroupFacts: unit", () => {
  test.each([
    ["a service", "0::/system.slice/nginx.service", "nginx.service"],
    [
      "an instance of a template in a slice of its own",
      "0::/system.slice/system-getty.slice/getty@tty1.service",
      "getty@tty1.service",
    ],
    [
      "a service that divides its own group",
      "0::/system.slice/postgresql@16-main.service/worker",
      "postgresql@16-main.service",
    ],
    ["a login session", "0::/user.slice/user-1000.slice/session-3.scope", "session-3.scope"],
    ["escaped characters in a name", "0::/system.slice/dev-disk\\x2dby.service", "dev-disk\\x2dby.service"],
    ["a name that systemd has to protect", "0::/system.slice/_cpu.service", "cpu.service"],
    [
      "cgroup v1",
      "12:pids:/system.slice/other.service\n1:name=systemd:/system.slice/cron.service\n0::/",
      "cron.service",
    ],
    [
      "cgroup v2 beside a mounted tree of cgroup v1 that systemd does not use",
      "9:name=systemd:/\n8:pids:/\n0::/system.slice/cron.service",
      "cron.service",
    ],
  ])("%s", (_what, text, unit) => {
    expect(controlGroupFacts(`${text}\n`).unit).toBe(unit);
  });

  test("a user's own service manager is the unit, not what it calls its groups", () => {
    const own = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/nginx.service";
    expect(controlGroupFacts(own).unit).toBe("user@1000.service");
    expect(controlGroupFacts("0::/user.slice/user-1000.slice/user@1000.service/system.slice/nginx.service").unit).toBe(
      "user@1000.service",
    );
  });

  test.each([
    ["the root group", "0::/"],
    ["slices alone", "0::/system.slice"],
    [
      "slices alone in systemd's own tree, whatever the unified one says",
      "1:name=systemd:/system.slice\n0::/a.service",
    ],
    ["a group without a unit's name", "0::/docker/nginx"],
    ["a group outside of this process's cgroup namespace", "0::/../../system.slice/nginx.service"],
    ["nothing", ""],
    ["no cgroup text", "garbage\n::\n0:/system.slice/a.service"],
  ])("none for %s", (_what, text) => {
    expect(controlGroupFacts(text)).toEqual({});
  });
});

describe("controlGroupFacts: container", () => {
  test.each([
    ["Docker, systemd driver", `0::/system.slice/docker-${A}.scope`],
    ["Docker, cgroupfs driver", `0::/docker/${A}`],
    ["Docker, cgroup v1", `11:memory:/docker/${A}\n1:name=systemd:/docker/${A}\n0::/`],
    [
      "containerd, Kubernetes, systemd driver",
      `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12.slice/cri-containerd-${A}.scope`,
    ],
    ["containerd, Kubernetes, cgroupfs driver", `0::/kubepods/burstable/pod2732ca68f6358eba7703fb6f82a25c94/${A}`],
    [
      "containerd below its own service",
      `0::/system.slice/containerd.service/kubepods-besteffort-pod12.slice:cri-containerd:${A}`,
    ],
    ["containerd of nerdctl", `0::/system.slice/nerdctl-${A}.scope`],
    ["containerd alone", `0::/default/${A}`],
    ["CRI-O", `0::/kubepods.slice/kubepods-pod12.slice/crio-${A}.scope/container`],
    ["Podman", `0::/machine.slice/libpod-${A}.scope/container`],
    ["Podman, cgroupfs driver", `0::/libpod_parent/libpod-${A}`],
    ["ECS", `0::/ecs/8a0dbbe0/${A}`],
  ])("%s", (_what, text) => {
    const facts = controlGroupFacts(text);
    expect(facts.containerId).toBe(A);
    expect(facts.rootlessContainerId).toBeUndefined();
  });

  test("the outermost counts: a container's root may make groups of any name below its own", () => {
    expect(controlGroupFacts(`0::/docker/${A}/docker/${B}`).containerId).toBe(A);
    expect(controlGroupFacts(`0::/system.slice/docker-${A}.scope/system.slice/docker-${B}.scope`).containerId).toBe(A);
  });

  test("a user's own containers are never taken for the system's: he makes those groups himself", () => {
    const own = `0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${A}.scope/container`;
    expect(controlGroupFacts(own)).toEqual({ unit: "user@1000.service", rootlessContainerId: A });
    const forged = `0::/user.slice/user-1000.slice/user@1000.service/docker-${A}.scope`;
    expect(controlGroupFacts(forged).containerId).toBeUndefined();
  });

  test("a service that is no container runtime may name its groups as it likes, which makes no container", () => {
    expect(controlGroupFacts(`0::/system.slice/web.service/docker-${A}.scope`)).toEqual({ unit: "web.service" });
    expect(controlGroupFacts(`0::/system.slice/docker.service/docker/${A}`).containerId).toBe(A);
  });

  test("two ids in two trees are no answer", () => {
    expect(controlGroupFacts(`2:memory:/docker/${A}\n1:name=systemd:/docker/${B}`).containerId).toBeUndefined();
  });

  test.each([
    ["the monitor of a container", `0::/machine.slice/libpod-conmon-${A}.scope`],
    ["CRI-O's monitor", `0::/kubepods.slice/crio-conmon-${A}.scope`],
    ["63 digits", `0::/docker/${A.slice(1)}`],
    ["65 digits", `0::/docker/${A}a`],
    ["upper case", `0::/docker/${A.toUpperCase()}`],
    ["an unknown runtime", `0::/system.slice/other-${A}.scope`],
    ["a group outside of this process's cgroup namespace", `0::/../docker-${A}.scope`],
  ])("none for %s", (_what, text) => {
    expect(controlGroupFacts(text).containerId).toBeUndefined();
  });
});

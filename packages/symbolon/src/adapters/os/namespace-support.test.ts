import { describe, expect, test } from "bun:test";
import { type NamespaceProbes, requireNamespaceSupport } from "./namespace-support.ts";

const probes = (more: Partial<NamespaceProbes>): NamespaceProbes => ({
  platform: "linux",
  sysctl: () => undefined,
  hasProgram: () => true,
  tryNamespaces: async () => "Operation not permitted",
  inContainer: () => false,
  isRoot: () => false,
  ...more,
});
const refusal = (more: Partial<NamespaceProbes>) =>
  requireNamespaceSupport(probes(more)).then(
    () => "none",
    (error: { code?: string; message: string }) => `${error.code}: ${error.message}`,
  );

describe("what forbids transparent capture", () => {
  test("nothing, where namespaces can be made", async () => {
    expect(await refusal({ tryNamespaces: async () => undefined })).toBe("none");
  });

  test("another system than Linux, before any program is looked for", async () => {
    const darwin = {
      platform: "darwin",
      hasProgram: () => false,
      tryNamespaces: () => Promise.reject(new Error("ran")),
    };
    expect(await refusal(darwin)).toBe(
      "ERR_NAMESPACES_FORBIDDEN: transparent capture needs Linux's network namespaces, and this machine runs macOS",
    );
  });

  test("a missing program, with the package that has it", async () => {
    expect(await refusal({ hasProgram: (name) => name !== "ip" })).toBe(
      'ERR_PROGRAM_MISSING: transparent capture needs "ip", not found on this machine; on Debian and Ubuntu: apt install iproute2',
    );
  });

  const zero = (name: string) => ({ sysctl: (path: string) => (path === name ? "0" : undefined) });
  const cases: readonly (readonly [string, Partial<NamespaceProbes>, string])[] = [
    ["a limit of user namespaces", zero("user/max_user_namespaces"), "sysctl -w user.max_user_namespaces=15000"],
    ["a limit of network namespaces", zero("user/max_net_namespaces"), "sysctl -w user.max_net_namespaces=15000"],
    ["Debian's switch", zero("kernel/unprivileged_userns_clone"), "kernel.unprivileged_userns_clone=1"],
    [
      "Ubuntu's AppArmor",
      { sysctl: (path) => (path === "kernel/apparmor_restrict_unprivileged_userns" ? "1" : undefined) },
      "kernel.apparmor_restrict_unprivileged_userns=0",
    ],
    ["a kernel without bridges", { tryNamespaces: async () => "Unknown device type" }, "modprobe -a bridge veth"],
    ["a container", { inContainer: () => true }, "--security-opt seccomp=unconfined"],
    ["anything else", {}, 'the kernel answered "Operation not permitted"'],
  ];
  test.each(cases)("%s", async (_what, more, hint) => {
    expect(await refusal(more)).toContain(hint);
  });
});

import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unitFile } from "./unit-files.ts";

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
});

function directories(): { etc: string; lib: string } {
  const root = mkdtempSync(join(tmpdir(), "symbolon-units-"));
  roots.push(root);
  const [etc, lib] = [join(root, "etc"), join(root, "lib")];
  for (const path of [etc, lib]) mkdirSync(path);
  return { etc, lib };
}

describe("unitFile", () => {
  test("an earlier directory has precedence", () => {
    const { etc, lib } = directories();
    writeFileSync(join(lib, "nginx.service"), "");
    expect(unitFile("nginx.service", [etc, lib])).toBe(join(lib, "nginx.service"));
    writeFileSync(join(etc, "nginx.service"), "");
    expect(unitFile("nginx.service", [etc, lib])).toBe(join(etc, "nginx.service"));
  });

  test("an instance is defined by its own file, else by its template's", () => {
    const { etc, lib } = directories();
    writeFileSync(join(etc, "getty@.service"), "");
    expect(unitFile("getty@tty1.service", [etc, lib])).toBe(join(etc, "getty@.service"));
    writeFileSync(join(lib, "getty@tty1.service"), "");
    expect(unitFile("getty@tty1.service", [etc, lib])).toBe(join(lib, "getty@tty1.service"));
  });

  test("an alias is the file that it leads to", () => {
    const { etc, lib } = directories();
    writeFileSync(join(lib, "ssh.service"), "");
    symlinkSync(join(lib, "ssh.service"), join(etc, "sshd.service"));
    expect(unitFile("sshd.service", [etc, lib])).toBe(join(lib, "ssh.service"));
  });

  test("none for a unit that is switched off, does not exist, or is a circle of links", () => {
    const { etc, lib } = directories();
    symlinkSync("/dev/null", join(etc, "off.service"));
    symlinkSync(join(etc, "b.service"), join(etc, "a.service"));
    symlinkSync(join(etc, "a.service"), join(etc, "b.service"));
    for (const unit of ["off.service", "session-3.scope", "a.service"])
      expect([unit, unitFile(unit, [etc, lib])]).toEqual([unit, undefined]);
  });
});

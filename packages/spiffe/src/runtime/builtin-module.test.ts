import { deepEqual, equal, throws } from "node:assert/strict";
import * as crypto from "node:crypto";
import { describe, test } from "node:test";
import { builtinModule } from "./builtin-module.ts";

describe("builtinModule", () => {
  test("is the module that an import is", () => {
    equal(builtinModule("node:crypto")().createHash, crypto.createHash);
  });

  test("asks the runtime with the first use, and once", () => {
    const asked: string[] = [];
    withProcess({ getBuiltinModule: (name: string) => asked.push(name) && crypto }, () => {
      const module = builtinModule("node:crypto");
      deepEqual(asked, []);
      equal(module(), crypto);
      module();
    });
    deepEqual(asked, ["node:crypto"]);
  });

  for (const [what, process] of [
    ["without process", undefined],
    ["before Node 22.3", {}],
    ["without that module", { getBuiltinModule: () => undefined }],
  ] as const) {
    test(`says what is missing on a runtime ${what}`, () => {
      withProcess(process, () => {
        const module = builtinModule("node:tls");
        throws(module, { code: "ERR_RUNTIME_UNSUPPORTED", message: /"node:tls".*Node 22\.3/ });
      });
    });
  }
});

function withProcess(replacement: unknown, run: () => void): void {
  const real = Object.getOwnPropertyDescriptor(globalThis, "process") as PropertyDescriptor;
  Object.defineProperty(globalThis, "process", { value: replacement, configurable: true, writable: true });
  try {
    run();
  } finally {
    Object.defineProperty(globalThis, "process", real);
  }
}

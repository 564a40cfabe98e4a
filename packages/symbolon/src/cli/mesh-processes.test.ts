import { expect, test } from "bun:test";
import { meshProcess } from "./mesh-processes.ts";

test("a process of a mesh is recognised by its role and its configuration, and nothing else is one", () => {
  expect(meshProcess(["internal", "proxy", "{}", "uid"])).toBeFunction();
  for (const argv of [
    [],
    ["status"],
    ["proxy", "{}"],
    ["internal"],
    ["internal", "proxy"],
    ["internal", "nothing", "{}"],
    ["internal", "toString", "{}"],
  ])
    expect(meshProcess(argv)).toBeUndefined();
});

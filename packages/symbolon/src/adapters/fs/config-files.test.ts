import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFakeClock, type FakeClock } from "@symbolon/spiffe/testing";
import { createConfigFiles } from "./config-files.ts";

const MAX_FILE_BYTES = 4 * 1024 * 1024;

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "symbolon-config-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const at = (...names: readonly string[]) => join(directory, ...names);

function source(options: { paths?: readonly string[]; recursive?: boolean; clock?: FakeClock } = {}) {
  const { paths = [directory], recursive = false, clock = createFakeClock() } = options;
  return createConfigFiles({ paths, recursive, clock });
}

const names = ({ files }: { readonly files: readonly { readonly file: string }[] }) =>
  files.map(({ file }) => file.slice(directory.length + 1));

describe("manifests on disk", () => {
  beforeEach(() => {
    mkdirSync(at("sub", "deep"), { recursive: true });
    for (const name of ["b.yaml", "a.yml", "c.json", "d.txt", "e.yaml.bak", "yaml", "sub/f.yaml", "sub/deep/g.yaml"])
      writeFileSync(at(name), `# ${name}`);
  });

  test("a file with a bare MeshConfig is read beside them, and marked", async () => {
    const files = createConfigFiles({
      paths: [at("a.yml")],
      recursive: false,
      meshConfigPath: at("d.txt"),
      clock: createFakeClock(),
    });
    expect((await files.read()).files).toEqual([
      { file: at("a.yml"), text: "# a.yml" },
      { file: at("d.txt"), text: "# d.txt", content: "mesh-config" },
    ]);
  });

  test("of a directory are its *.yaml, *.yml and *.json, in order; deeper ones only when that is wanted", async () => {
    expect(names(await source().read())).toEqual(["a.yml", "b.yaml", "c.json"]);
    expect(names(await source({ recursive: true }).read())).toEqual([
      "a.yml",
      "b.yaml",
      "c.json",
      "sub/deep/g.yaml",
      "sub/f.yaml",
    ]);
  });

  test("that are named are read whatever their names, and paths keep the order in which they were given", async () => {
    const { files, problems } = await source({ paths: [at("d.txt"), at("a.yml")] }).read();
    expect(files).toEqual([
      { file: at("d.txt"), text: "# d.txt" },
      { file: at("a.yml"), text: "# a.yml" },
    ]);
    expect(problems).toEqual([]);
  });

  test("that are not there, not readable as text or too large are problems with their paths; the others are read", async () => {
    writeFileSync(at("bad.yaml"), Buffer.from([0x61, 0xff, 0xfe]));
    writeFileSync(at("large.yaml"), "");
    truncateSync(at("large.yaml"), MAX_FILE_BYTES + 1);
    writeFileSync(at("largest.yaml"), Buffer.alloc(MAX_FILE_BYTES, "#"));
    const { files, problems } = await source({ paths: [at("nothing.yaml"), directory] }).read();
    expect(files.map(({ file }) => file.slice(directory.length + 1))).toEqual([
      "a.yml",
      "b.yaml",
      "c.json",
      "largest.yaml",
    ]);
    expect(problems).toMatchObject([
      { path: at("nothing.yaml"), message: expect.stringContaining("ENOENT") },
      { path: at("bad.yaml"), message: "file is not UTF-8 text" },
      {
        path: at("large.yaml"),
        message: `file has ${MAX_FILE_BYTES + 1} bytes; a manifest may have ${MAX_FILE_BYTES}`,
      },
    ]);
  });
});

describe("watching manifests", () => {
  /** The clock's timers start looks that take real time: waits for the next timer after each. */
  async function look(clock: FakeClock, times = 1): Promise<void> {
    for (let count = 0; count < times; count++) {
      while (clock.pendingTimersMs.length === 0) await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(200);
    }
    while (clock.pendingTimersMs.length === 0) await new Promise((resolve) => setImmediate(resolve));
  }

  async function start(options: { recursive?: boolean } = {}) {
    writeFileSync(at("a.yaml"), "one");
    const clock = createFakeClock();
    let changes = 0;
    const watch = source({ ...options, clock }).watch(() => {
      changes++;
    });
    await look(clock, 2);
    return { clock, watch, changes: () => changes };
  }

  test("tells nothing while nothing changes", async () => {
    const { clock, changes, watch } = await start();
    await look(clock, 5);
    expect(changes()).toBe(0);
    watch.close();
  });

  const edits: readonly [string, () => void][] = [
    ["another text", () => writeFileSync(at("a.yaml"), "another")],
    [
      "another text of the same size",
      () => {
        writeFileSync(at("a.yaml"), "two");
        utimesSync(at("a.yaml"), 1, 1);
      },
    ],
    [
      "a file that was replaced, as editors do",
      () => {
        writeFileSync(at("a.new"), "new");
        renameSync(at("a.new"), at("a.yaml"));
      },
    ],
    ["a file that came", () => writeFileSync(at("b.yaml"), "b")],
    ["a file that went", () => rmSync(at("a.yaml"))],
    ["a directory that went", () => rmSync(directory, { recursive: true })],
  ];
  for (const [name, edit] of edits)
    test(`tells once, after two equal looks: ${name}`, async () => {
      const { clock, changes, watch } = await start();
      edit();
      await look(clock);
      expect(changes()).toBe(0);
      await look(clock);
      expect(changes()).toBe(1);
      await look(clock, 3);
      expect(changes()).toBe(1);
      watch.close();
    });

  test("an editor between truncating and writing is not seen", async () => {
    const { clock, changes, watch } = await start();
    writeFileSync(at("a.yaml"), "");
    await look(clock);
    writeFileSync(at("a.yaml"), "the whole text");
    await look(clock);
    expect(changes()).toBe(0);
    await look(clock);
    expect(changes()).toBe(1);
    watch.close();
  });

  test("files of other names are not told of, and nothing is after the end", async () => {
    const { clock, changes, watch } = await start();
    writeFileSync(at("notes.txt"), "x");
    await look(clock, 3);
    expect(changes()).toBe(0);
    watch.close();
    writeFileSync(at("a.yaml"), "later");
    await clock.advance(2000);
    expect(changes()).toBe(0);
    expect(clock.pendingTimersMs).toEqual([]);
  });
});

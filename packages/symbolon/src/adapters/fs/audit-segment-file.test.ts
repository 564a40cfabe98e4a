import { describe, expect, test } from "bun:test";
import { silentLog } from "@symbolon/spiffe/core";
import { segmentFile } from "./audit-segment-file.ts";

describe("a segment whose disk fails (RR-22)", () => {
  test("nothing of a failed batch is left behind a shorter one, although cutting it failed too", async () => {
    const disk = fakeDisk();
    const file = await segmentFile(disk.handle, "segment", silentLog);
    await file.append(Buffer.from("first\n"));
    disk.failing = new Set(["sync", "truncate"]);
    await expect(file.append(Buffer.from("a long line\nand another\n"))).rejects.toThrow("sync");
    expect(disk.text()).toBe("first\na long line\nand another\n");
    disk.failing = new Set();
    await file.append(Buffer.from("short\n"));
    expect(disk.text()).toBe("first\nshort\n");
    expect(file.size).toBe(12);
  });

  test("nothing is written over a tail that still cannot be cut", async () => {
    const disk = fakeDisk();
    const file = await segmentFile(disk.handle, "segment", silentLog);
    disk.failing = new Set(["sync", "truncate"]);
    await expect(file.append(Buffer.from("a long line\n"))).rejects.toThrow("sync");
    disk.failing = new Set(["truncate"]);
    await expect(file.append(Buffer.from("short\n"))).rejects.toThrow("truncate");
    expect(disk.text()).toBe("a long line\n");
    expect(file.size).toBe(0);
  });

  test("a failed batch that could be cut costs the next one no second cut", async () => {
    const disk = fakeDisk();
    const file = await segmentFile(disk.handle, "segment", silentLog);
    disk.failing = new Set(["sync"]);
    await expect(file.append(Buffer.from("lost\n"))).rejects.toThrow("sync");
    expect(disk.text()).toBe("");
    disk.failing = new Set(["truncate"]);
    await file.append(Buffer.from("kept\n"));
    expect(disk.text()).toBe("kept\n");
  });
});

/** A file in memory whose calls fail by name. */
function fakeDisk() {
  let content = Buffer.alloc(0);
  const disk = { failing: new Set<string>(), text: () => content.toString(), handle: undefined as unknown as Handle };
  const call = (name: string): void => {
    if (disk.failing.has(name)) throw new Error(`EIO: ${name}`);
  };
  disk.handle = {
    stat: async () => ({ size: content.length }),
    read: async () => ({ bytesRead: 0 }),
    async write(bytes: Buffer, offset: number, length: number, position: number) {
      call("write");
      const grown = Buffer.alloc(Math.max(content.length, position + length));
      content.copy(grown);
      bytes.copy(grown, position, offset, offset + length);
      content = grown;
      // Written, but not known to be on the disk.
      call("sync");
      return { bytesWritten: length };
    },
    async truncate(size: number) {
      call("truncate");
      content = content.subarray(0, size);
    },
    close: async () => {},
  } as unknown as Handle;
  return disk;
}

type Handle = Parameters<typeof segmentFile>[0];

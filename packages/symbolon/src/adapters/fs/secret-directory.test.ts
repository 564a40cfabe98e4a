import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Secret, systemRandom } from "@symbolon/spiffe/core";
import type { SecretDirectory } from "../../ca/index.ts";
import { openSecretDirectory, sealedSecretDirectory, unsealedSecretDirectory } from "./index.ts";

let root: string;
let path: string;
let directory: SecretDirectory;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "symbolon-secret-"));
  path = join(root, "ca");
  directory = await openSecretDirectory(path);
});

afterEach(() => rmSync(root, { recursive: true }));

const secret = (text: string) => new Secret(Buffer.from(text));
const textOf = (content: Secret<Buffer> | undefined) => content?.expose().toString();
const failureOf = (work: Promise<unknown>): Promise<{ code: string; message: string }> =>
  work.then(
    () => Promise.reject(new Error("expected a rejection")),
    (error) => error,
  );

describe("a secret directory", () => {
  test("is 0700 and its secrets are 0600, whatever the umask says", async () => {
    await directory.writeSecret("key.pem", secret("k"));
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(statSync(join(path, "key.pem")).mode & 0o777).toBe(0o600);
    expect(textOf(await directory.readSecret("key.pem"))).toBe("k");
  });

  test("has no content for a file that is not there", async () => {
    expect(await directory.readSecret("key.pem")).toBeUndefined();
    expect(await directory.readPublic("cert.pem")).toBeUndefined();
  });

  for (const mode of [0o640, 0o604, 0o660, 0o644, 0o601])
    test(`refuses a secret of mode ${mode.toString(8)}`, async () => {
      const file = join(path, "key.pem");
      writeFileSync(file, "k");
      chmodSync(file, mode);
      const text = mode.toString(8).padStart(4, "0");
      expect(await failureOf(directory.readSecret("key.pem"))).toMatchObject({
        code: "ERR_FILE_UNSAFE",
        message: `"${file}" has mode ${text}, which lets others in; run chmod 600 "${file}"`,
      });
    });

  test("takes a secret that only its owner may read", async () => {
    writeFileSync(join(path, "key.pem"), "k", { mode: 0o400 });
    expect(textOf(await directory.readSecret("key.pem"))).toBe("k");
  });

  test("takes a certificate that all may read, refuses one that others may write", async () => {
    const file = join(path, "cert.pem");
    writeFileSync(file, "c", { mode: 0o644 });
    expect((await directory.readPublic("cert.pem"))?.toString()).toBe("c");
    chmodSync(file, 0o664);
    expect((await failureOf(directory.readPublic("cert.pem"))).message).toBe(
      `"${file}" has mode 0664, which lets others in; run chmod 644 "${file}"`,
    );
  });

  test("refuses a symbolic link, also to a good file", async () => {
    writeFileSync(join(root, "good.pem"), "k", { mode: 0o600 });
    const file = join(path, "key.pem");
    symlinkSync(join(root, "good.pem"), file);
    expect(await failureOf(directory.readSecret("key.pem"))).toMatchObject({
      code: "ERR_FILE_UNSAFE",
      message: `"${file}" is a symbolic link; put the file itself there`,
    });
  });

  test("refuses what is not a regular file", async () => {
    mkdirSync(join(path, "key.pem"), { mode: 0o700 });
    expect((await failureOf(directory.readSecret("key.pem"))).message).toBe(
      `"${join(path, "key.pem")}" is not a regular file`,
    );
  });

  test("refuses a file in a directory that others may write", async () => {
    await directory.writeSecret("key.pem", secret("k"));
    chmodSync(path, 0o770);
    expect((await failureOf(directory.readSecret("key.pem"))).message).toBe(
      `"${path}" is a directory that others may write (mode 0770); run chmod 700 "${path}"`,
    );
    chmodSync(path, 0o750);
    expect(textOf(await directory.readSecret("key.pem"))).toBe("k");
  });

  test("replaces a file as a whole and leaves nothing behind, also after a crash", async () => {
    writeFileSync(join(path, "key.pem.tmp"), "left by a crash", { mode: 0o600 });
    await directory.writeSecret("key.pem", secret("one"));
    await directory.writeSecret("key.pem", secret("two"));
    expect(textOf(await directory.readSecret("key.pem"))).toBe("two");
    expect(readdirSync(path)).toEqual(["key.pem"]);
  });

  test("says which file cannot be written", async () => {
    mkdirSync(join(path, "key.pem"));
    const error = await failureOf(directory.writeSecret("key.pem", secret("k")));
    expect(error.code).toBe("ERR_FILE_UNWRITABLE");
    expect(error.message).toStartWith(`cannot write "${join(path, "key.pem")}": EISDIR`);
    expect(readdirSync(path)).toEqual(["key.pem"]);
  });
});

describe("a sealed secret directory", () => {
  const sealedWith = (passphrase: string) =>
    sealedSecretDirectory(directory, { passphrase: new Secret(passphrase), random: systemRandom });

  test("reads back what it wrote, and the disk holds nothing of it", async () => {
    await sealedWith("open sesame").writeSecret("key.pem", secret("the private key"));
    expect(textOf(await sealedWith("open sesame").readSecret("key.pem"))).toBe("the private key");
    const onDisk = readFileSync(join(path, "key.pem"), "latin1");
    expect(onDisk).toStartWith("symbolon sealed secret 1\n");
    expect(onDisk).not.toContain("private");
    expect(onDisk).not.toContain(Buffer.from("the private key").toString("base64").slice(0, 8));
  });

  test("does not open with another passphrase, a flipped bit, or under another name", async () => {
    await sealedWith("open sesame").writeSecret("key.pem", secret("k"));
    const file = join(path, "key.pem");
    const wrong = {
      code: "ERR_CA_PASSPHRASE",
      message: `"${file}" does not open: the passphrase is wrong, or the file was damaged`,
    };
    expect(await failureOf(sealedWith("open sesamE").readSecret("key.pem"))).toMatchObject(wrong);
    const content = readFileSync(file);
    writeFileSync(join(path, "other.pem"), content, { mode: 0o600 });
    expect((await failureOf(sealedWith("open sesame").readSecret("other.pem"))).code).toBe("ERR_CA_PASSPHRASE");
    const position = content.length - 6;
    content[position] = content[position] === 0x41 ? 0x42 : 0x41;
    writeFileSync(file, content);
    expect(await failureOf(sealedWith("open sesame").readSecret("key.pem"))).toMatchObject(wrong);
    writeFileSync(file, content.subarray(0, 40));
    expect(await failureOf(sealedWith("open sesame").readSecret("key.pem"))).toMatchObject(wrong);
  });

  test("seals what lay there unsealed", async () => {
    await directory.writeSecret("key.pem", secret("old and plain"));
    expect(textOf(await sealedWith("p").readSecret("key.pem"))).toBe("old and plain");
    expect(readFileSync(join(path, "key.pem"), "latin1")).not.toContain("plain");
    expect(textOf(await sealedWith("p").readSecret("key.pem"))).toBe("old and plain");
  });

  test("is refused with the name of the variable when no passphrase is set", async () => {
    await sealedWith("p").writeSecret("key.pem", secret("k"));
    expect(await failureOf(unsealedSecretDirectory(directory).readSecret("key.pem"))).toMatchObject({
      code: "ERR_CA_PASSPHRASE",
      message: `"${join(path, "key.pem")}" is encrypted; set SYMBOLON_CA_PASSPHRASE to the passphrase it was sealed with`,
    });
  });
});

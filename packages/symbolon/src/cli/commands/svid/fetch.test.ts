import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TrustDomain } from "@symbolon/spiffe/id";
import { parseX509Svid } from "@symbolon/spiffe/svid";
import { parsePrivateKeyPem } from "@symbolon/spiffe/x509";
import { symbolon } from "../../../../../../test/fakes/command-line.ts";
import {
  startWorkloadEndpoint,
  type WorkloadEndpointFixture,
} from "../../../../../../test/fakes/workload-endpoint-fixture.ts";

const ID = "spiffe://example.org/myservice";

let directory = "";
let endpoint: WorkloadEndpointFixture;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "svid-fetch-"));
  endpoint = await startWorkloadEndpoint({
    path: join(directory, "agent.sock"),
    workloads: ["/myservice", "/myservice2"],
  });
});
afterAll(async () => {
  await endpoint.close();
  rmSync(directory, { recursive: true });
});

/** Without links and directories of versions. */
const filesOf = (target: string): readonly string[] =>
  readdirSync(target)
    .filter((name) => !name.startsWith(".."))
    .sort();

const fetch = (...words: readonly string[]) => symbolon("svid", "fetch", ...words, "--socket", endpoint.socket);

describe("svid fetch x509", () => {
  test("shows every identity, the default one first, and never a key", async () => {
    const { status, stdout } = await fetch("x509");
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringMatching(
        /^spiffe:\/\/example.org\/myservice \(default\), hint myservice\n {2}serial [0-9a-f]+, expires .*\nspiffe:\/\/example.org\/myservice2, hint myservice2\n.*\nbundles: example-federated.org, example.org\n$/,
      ),
    });
    const json = await fetch("x509", "-o", "json");
    expect(JSON.parse(json.stdout)).toMatchObject({
      svids: [{ spiffeId: ID }, {}],
      trustDomains: [{}, {}].map(() => expect.any(String)),
    });
    expect(stdout + json.stdout).not.toContain("PRIVATE KEY");
  });

  test("writes key, chain and bundles under spire-agent's names, the key for its owner alone", async () => {
    const target = join(directory, "files");
    const { status } = await fetch("x509", "--write", target);
    expect(status).toBe(0);
    const pem = readFileSync(join(target, "svid.0.pem"), "utf8");
    const privateKey = parsePrivateKeyPem(readFileSync(join(target, "svid.0.key"), "utf8"));
    expect(parseX509Svid(pem, privateKey).spiffeId.toString()).toBe(ID);
    expect(statSync(join(target, "svid.0.key")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(target, "bundle.1.pem"), "utf8")).toBe(endpoint.authority.bundle.toPem());
    expect(readFileSync(join(target, "federated_bundle.0.0.pem"), "utf8")).toContain("BEGIN CERTIFICATE");
  });

  test("leaves no file of an identity or a bundle that is no more", async () => {
    const target = join(directory, "fewer");
    await fetch("x509", "--write", target);
    const before = endpoint.entitlement();
    if (before.kind !== "granted") throw new Error("the fixture has an identity");
    const bundles = before.bundles.without(TrustDomain.parse("example-federated.org"));
    endpoint.become({ ...before, svids: before.svids.slice(0, 1), bundles });
    await fetch("x509", "--write", target);
    endpoint.become(before);
    expect(filesOf(target)).toEqual(["bundle.0.pem", "svid.0.key", "svid.0.pem"]);
  });

  test("takes over the plain files of another program, and replaces all of them at once", async () => {
    const target = mkdtempSync(join(directory, "plain-"));
    for (const name of ["svid.0.key", "svid.0.pem", "bundle.7.pem"]) writeFileSync(join(target, name), "from before");
    expect((await fetch("x509", "--write", target)).status).toBe(0);
    expect(filesOf(target)).not.toContain("bundle.7.pem");
    for (const name of filesOf(target)) expect(readlinkSync(join(target, name))).toBe(`..data/${name}`);
    const key = parsePrivateKeyPem(readFileSync(join(target, "svid.0.key"), "utf8"));
    expect(parseX509Svid(readFileSync(join(target, "svid.0.pem"), "utf8"), key).spiffeId.toString()).toBe(ID);
  });

  test("says what is in the way, and how it gets out of it", async () => {
    const target = mkdtempSync(join(directory, "obstacle-"));
    mkdirSync(join(target, "svid.0.pem"));
    const { status, stderr } = await fetch("x509", "--write", target);
    expect(status).toBe(65);
    expect(stderr).toContain(
      `"${join(target, "svid.0.pem")}" is a directory; move it away, or choose another directory`,
    );
    expect(readdirSync(target)).toEqual(["svid.0.pem"]);
  });

  test("tokens and X.509 files stand side by side in one directory", async () => {
    const target = join(directory, "both");
    await fetch("x509", "--write", target);
    await fetch("jwt", "--audience", "orders", "--write", target);
    await fetch("x509", "--write", target);
    expect(filesOf(target)).toEqual(expect.arrayContaining(["svid.0.key", "jwt_svid.0.token"]));
    expect(readFileSync(join(target, "jwt_svid.0.token"), "utf8")).toMatch(/^eyJ/);
  });

  test("writes nothing through a symbolic link", async () => {
    const target = join(directory, "link");
    symlinkSync(directory, target);
    expect((await fetch("x509", "--write", target)).status).toBe(65);
  });

  test("writes nothing where others may write", async () => {
    const target = mkdtempSync(join(directory, "open-"));
    chmodSync(target, 0o777);
    const { status, stderr } = await fetch("x509", "--write", target);
    expect({ status, stderr }).toEqual({
      status: 65,
      stderr: expect.stringContaining("others may write the directory"),
    });
  });
});

describe("svid fetch jwt", () => {
  test("prints one token a line, for the audiences", async () => {
    const { status, stdout } = await fetch("jwt", "--audience", "orders", "--spiffe-id", ID);
    expect(status).toBe(0);
    const [, payload = ""] = stdout.trim().split(".");
    expect(JSON.parse(Buffer.from(payload, "base64url").toString())).toMatchObject({ sub: ID, aud: ["orders"] });
  });

  test("writes tokens for their owner alone, and then prints none", async () => {
    const target = join(directory, "tokens");
    const { status, stdout } = await fetch("jwt", "--audience", "orders", "--write", target, "-o", "json");
    expect(status).toBe(0);
    expect(stdout).not.toContain("eyJ");
    const file = join(target, "jwt_svid.1.token");
    expect(readFileSync(file, "utf8")).toMatch(/^eyJ/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("wants an audience", async () => {
    expect((await fetch("jwt")).status).toBe(64);
    expect((await fetch("jwt", "--audience", "")).status).toBe(64);
  });

  test("says which SPIFFE ID is none", async () => {
    expect(await fetch("jwt", "--audience", "orders", "--spiffe-id", "web")).toMatchObject({
      status: 64,
      stderr: 'error: --spiffe-id "web": scheme is missing or invalid; wanted one such as spiffe://cluster.local/db\n',
    });
  });
});

describe("what goes wrong names the next step", () => {
  test("no identity", async () => {
    const before = endpoint.entitlement();
    endpoint.become({ kind: "none", reason: "no entry" });
    const { status, stderr } = await fetch("x509");
    endpoint.become(before);
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining("symbolon attest explain") });
  });

  test("nobody answers", async () => {
    const words = ["svid", "fetch", "x509", "--socket", `unix://${join(directory, "none.sock")}`];
    const { status, stderr } = await symbolon(...words);
    expect({ status, stderr }).toEqual({ status: 69, stderr: expect.stringContaining("symbolon up") });
  });

  test("an address that is none, and a time that is none", async () => {
    expect((await symbolon("svid", "fetch", "x509", "--socket", "agent.sock")).status).toBe(65);
    expect((await fetch("x509", "--timeout", "soon")).status).toBe(64);
  });
});

describe("bundle show, from the agent", () => {
  const show = (...words: readonly string[]) => symbolon("bundle", "show", "--socket", endpoint.socket, ...words);

  test("lists the authorities of both kinds of every trust domain that the process may trust", async () => {
    const { status, stdout } = await show();
    expect(status).toBe(0);
    expect(stdout).toContain("example.org: 1 X.509 authorities, 1 JWT authorities");
    expect(stdout).toContain("example-federated.org: 1 X.509 authorities, 0 JWT authorities");
    const { bundles } = JSON.parse((await show("-o", "json")).stdout);
    expect(bundles.map(({ trustDomain }: { trustDomain: string }) => trustDomain)).toEqual([
      "example-federated.org",
      "example.org",
    ]);
  });

  test("lists one trust domain, and says which there are when that one is not among them", async () => {
    expect((await show("--trust-domain", "example.org")).stdout).not.toContain("example-federated.org");
    const { status, stderr } = await show("--trust-domain", "example.net");
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining("example-federated.org") });
  });

  test("writes the SPIFFE document of one trust domain, and asks for its name when there are several", async () => {
    const { status, stdout } = await show("--trust-domain", "example.org", "-o", "spiffe");
    expect(status).toBe(0);
    const uses = JSON.parse(stdout).keys.map(({ use }: { use: string }) => use);
    expect(uses.sort()).toEqual(["jwt-svid", "x509-svid"]);
    expect(await show("-o", "spiffe")).toMatchObject({
      status: 64,
      stderr:
        "error: a SPIFFE document is of one trust domain; choose with --trust-domain: example-federated.org, example.org\n",
    });
  });

  test("takes a file or a socket, not both", async () => {
    expect((await show("bundle.pem")).status).toBe(64);
  });
});

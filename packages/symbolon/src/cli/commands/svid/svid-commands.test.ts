import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SpiffeBundle } from "@symbolon/spiffe/bundle";
import { SpiffeId } from "@symbolon/spiffe/id";
import { jwkFromPublicKey, parseJwkSet } from "@symbolon/spiffe/jwt";
import { signJwtSvid } from "@symbolon/spiffe/svid";
import { createTestAuthority } from "@symbolon/spiffe/testing";
import { certificatesToPem, createKeyPair } from "@symbolon/spiffe/x509";
import { symbolon } from "../../../../../../test/fakes/command-line.ts";

const now = "2026-01-01T00:10:00Z";
const ID = "spiffe://example.org/ns/foo/sa/web";
const root = createTestAuthority("example.org");
const middle = root.intermediate();
const svid = middle.issueCertificate({
  uris: [ID],
  notBefore: new Date("2026-01-01T00:00:00Z"),
  notAfter: new Date("2026-01-01T01:00:00Z"),
});
const key = createKeyPair();
const { kid } = jwkFromPublicKey(key.publicKey);
const document = SpiffeBundle.of(root.trustDomain, {
  x509Authorities: [root.certificate],
  jwtAuthorities: parseJwkSet(JSON.stringify({ keys: [jwkFromPublicKey(key.publicKey)] })),
  sequence: 7,
  refreshHintSeconds: 300,
});
const token = signJwtSvid(
  {
    spiffeId: SpiffeId.parse(ID),
    audiences: ["api"],
    issuedAt: new Date("2026-01-01T00:09:00Z"),
    expiresAt: new Date("2026-01-01T00:14:00Z"),
  },
  { keyId: kid, privateKey: key.privateKey },
).token.expose();

let directory = "";
const write = (name: string, text: string): string => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};
let files = { svid: "", pem: "", document: "", token: "", other: "" };
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "svid-commands-"));
  files = {
    svid: write("svid.pem", certificatesToPem(svid.chain)),
    pem: write("bundle.pem", root.bundle.toPem()),
    document: write("bundle.json", document.json),
    token: write("token.jwt", `${token}\n`),
    other: write("other.pem", createTestAuthority("example.org").bundle.toPem()),
  };
});
afterAll(() => rmSync(directory, { recursive: true }));

describe("svid verify", () => {
  test("accepts by a bundle in PEM and by a SPIFFE document, with path and both ends", async () => {
    for (const bundle of [files.pem, files.document]) {
      const { status, stdout } = await symbolon("svid", "verify", files.svid, "--bundle", bundle, "--time", now);
      expect([status, stdout.split("\n")[0]]).toEqual([0, "accepted"]);
      expect(stdout).toContain(ID);
      expect(stdout).toContain("valid to       2026-01-01T01:00:00Z (in 50m)");
      expect(stdout).toContain('taken as that of "example.org"');
    }
  });

  test("says of an expired leaf which one, which rule, both clocks and what to do", async () => {
    const args = ["svid", "verify", files.svid, "--bundle", files.pem, "--time", "2026-01-01T01:03:00Z"];
    const { status, stdout } = await symbolon(...args, "--trust-domain", "example.org");
    expect(status).toBe(1);
    expect(stdout.split("\n").map((line) => line.trim().replace(/ +/g, " "))).toEqual([
      "refused",
      `SPIFFE ID ${ID}`,
      expect.stringContaining("(ERR_X509_EXPIRED)"),
      `certificate leaf, ${svid.certificate.subject.text === "" ? "" : `${svid.certificate.subject.text}, `}serial number ${svid.certificate.serialNumberHex}`,
      "rule RFC 5280 §6.1.3: every certificate of the path is within its validity",
      "clock here 2026-01-01T01:03:00Z",
      "valid from 2026-01-01T00:00:00Z (63m ago)",
      "valid to 2026-01-01T01:00:00Z (3m ago)",
      "next step get a new SVID from the Workload API; one that is renewed in time never ends",
      "",
    ]);
  });

  const refusals: readonly (readonly [string, () => readonly string[], string])[] = [
    ["another authority of the same name", () => [files.svid, "--bundle", files.other], "ERR_X509_SIGNATURE_INVALID"],
    [
      "the bundle of another domain",
      () => [files.svid, "--bundle", files.pem, "--trust-domain", "other.org"],
      "ERR_BUNDLE_NOT_FOUND",
    ],
    [
      "a chain without its intermediate",
      () => [write("leaf.pem", certificatesToPem([svid.certificate])), "--bundle", files.pem],
      "ERR_X509_UNKNOWN_AUTHORITY",
    ],
    ["an authority instead of a leaf", () => [files.pem, "--bundle", files.pem], "ERR_SVID_LEAF_CA"],
    [
      "a leaf with two IDs",
      () => [
        write("two.pem", certificatesToPem(root.issueCertificate({ uris: [ID, `${ID}2`] }).chain)),
        "--bundle",
        files.pem,
      ],
      "ERR_SVID_SEVERAL_URI_SANS",
    ],
  ];
  for (const [what, args, reason] of refusals)
    test(`refuses ${what}: ${reason}, with a rule and a next step`, async () => {
      const { status, stdout } = await symbolon("svid", "verify", ...args(), "--time", now, "-o", "json");
      const verdict = JSON.parse(stdout);
      expect([status, verdict.verdict, verdict.reason, verdict.now]).toEqual([1, "refused", reason, now]);
      expect(verdict.rule).not.toBe(reason);
      expect(verdict.next.length).toBeGreaterThan(10);
    });

  test("names the certificate of the chain that has expired", async () => {
    const old = root.intermediate({ notAfter: new Date("2026-01-01T00:05:00Z") });
    const chain = old.issueCertificate({ uris: [ID] }).chain;
    const path = write("old.pem", certificatesToPem(chain));
    const { stdout } = await symbolon("svid", "verify", path, "--bundle", files.pem, "--time", now, "-o", "json");
    const { certificate, times } = JSON.parse(stdout);
    expect(certificate).toContain("certificate 2,");
    expect(times[1]).toEqual({ name: "valid to", time: "2026-01-01T00:05:00Z" });
  });

  test("ends with 64 for a token, a wrong time, a wrong domain and no bundle; 65 for what cannot be read", async () => {
    const verify = async (...args: readonly string[]) => (await symbolon("svid", "verify", ...args)).status;
    expect(await verify(files.token, "--bundle", files.pem)).toBe(64);
    expect(await verify(files.svid, "--bundle", files.pem, "--time", "soon")).toBe(64);
    expect(await verify(files.svid, "--bundle", files.pem, "--trust-domain", "A B")).toBe(64);
    expect(await verify(files.svid)).toBe(64);
    expect(await verify("-", "--bundle", "-")).toBe(64);
    expect(await verify(join(directory, "missing"), "--bundle", files.pem)).toBe(65);
    expect(await verify(write("text", "hello"), "--bundle", files.pem)).toBe(65);
    expect(await verify(files.svid, "--bundle", write("bad.json", '{"keys":[],"keys":[]}'))).toBe(65);
    expect(await verify(files.svid, "--bundle", write("big.json", `{"keys":[]${" ".repeat(1024 * 1024)}}`))).toBe(65);
  });
});

describe("svid inspect", () => {
  test("shows each certificate, and a private key beside them is left alone", async () => {
    const pem = key.privateKey.export({ type: "pkcs8", format: "pem" });
    const path = write("both.pem", `${certificatesToPem(svid.chain)}${pem}`);
    const { status, stdout } = await symbolon("svid", "inspect", path);
    expect(status).toBe(0);
    expect(stdout).toContain("certificate 1, the leaf");
    expect(stdout).toContain("certificate 2, an intermediate");
    expect(stdout).toContain(ID);
    expect(stdout).not.toContain("PRIVATE");
  });
  test("names the rules that a certificate breaks", async () => {
    const path = write("wrong.pem", certificatesToPem(root.issueCertificate({ uris: [] }).chain));
    const { stdout } = await symbolon("svid", "inspect", path, "-o", "json");
    const [leaf] = JSON.parse(stdout).certificates;
    expect(leaf.findings.some(({ severity }: { severity: string }) => severity === "error")).toBe(true);
  });
  test("reads a JWT-SVID, and says that it is not verified", async () => {
    const { stdout } = await symbolon("svid", "inspect", files.token);
    expect(stdout).toContain(`ES256, key ${kid}; not verified`);
    const { stdout: json } = await symbolon("svid", "inspect", files.token, "-o", "json");
    expect(JSON.parse(json)).toMatchObject({ kind: "jwt-svid", header: { kid, typ: "JWT" }, spiffeId: ID });
  });
});

describe("jwt validate", () => {
  const validate = (...args: readonly string[]) =>
    symbolon("jwt", "validate", ...args, "--bundle", files.document, "-o", "json");
  test("accepts a token in a file and on the command line", async () => {
    for (const source of [files.token, token]) {
      const { status, stdout } = await symbolon(
        ...["jwt", "validate", "--audience", "other", "--audience", "api", source],
        ...["--bundle", files.document, "-o", "json", "--time", now],
      );
      expect([status, JSON.parse(stdout)]).toEqual([
        0,
        expect.objectContaining({ verdict: "accepted", spiffeId: ID, audiences: ["api"] }),
      ]);
    }
  });
  test("accepts it by the JWK Set that the Workload API sends", async () => {
    const set = write("jwks.json", document.jwtBundle.json);
    const args = ["jwt", "validate", files.token, "--bundle", set, "--audience", "api", "--time", now];
    expect((await symbolon(...args)).status).toBe(0);
  });
  test("refuses another audience, a time after its end, a changed token and another domain's bundle", async () => {
    const reason = async (...args: readonly string[]) => {
      const { status, stdout } = await validate(...args);
      expect(status).toBe(1);
      const { reason: code, rule } = JSON.parse(stdout);
      expect(rule).not.toBe(code);
      return code;
    };
    expect(await reason(token, "--audience", "web", "--time", now)).toBe("ERR_JWT_AUDIENCE");
    expect(await reason(token, "--audience", "api", "--time", "2026-01-01T00:14:00Z")).toBe("ERR_JWT_EXPIRED");
    const changed = `${token.slice(0, -3)}AAA`;
    expect(await reason(changed, "--audience", "api", "--time", now)).toMatch(/SIGNATURE_INVALID|MALFORMED/);
    expect(await reason(token, "--audience", "api", "--time", now, "--trust-domain", "other.org")).toBe(
      "ERR_BUNDLE_NOT_FOUND",
    );
  });
  test("judges one token, not the first of several", async () => {
    const several = write("several.jwt", `${token}\n${token}\n`);
    const { status, stderr } = await symbolon(
      "jwt",
      "validate",
      several,
      "--bundle",
      files.document,
      "--audience",
      "api",
    );
    expect([status, stderr]).toEqual([
      65,
      `error: "${several}" holds 2 lines, wanted one token; of several identities, svid fetch jwt --spiffe-id ID prints the token of one\n`,
    ]);
  });
  test("needs an audience, and says that certificates verify no token", async () => {
    expect((await symbolon("jwt", "validate", token, "--bundle", files.document)).status).toBe(64);
    expect((await symbolon("jwt", "validate", token, "--bundle", files.document, "--audience", "")).status).toBe(64);
    const args = ["jwt", "validate", token, "--bundle", files.pem, "--audience", "api", "--time", now];
    const { status, stdout } = await symbolon(...args);
    expect(status).toBe(1);
    expect(stdout).toContain("certificates verify no JWT-SVID");
  });
});

describe("bundle show", () => {
  test("lists both kinds of authorities of a document", async () => {
    const { stdout } = await symbolon("bundle", "show", files.document, "--trust-domain", "example.org");
    expect(stdout).toContain("example.org: 1 X.509 authorities, 1 JWT authorities, sequence 7, refresh every 300 s");
    expect(stdout).toContain(`JWT authority ${kid}: ec prime256v1, ES256`);
    const json = JSON.parse((await symbolon("bundle", "show", files.document, "-o", "json")).stdout);
    expect(json).toMatchObject({ format: "document", sequence: 7, jwtAuthorities: [{ keyId: kid }] });
    expect(json.x509Authorities).toHaveLength(1);
  });
  test("lists PEM, says what an empty bundle means, and refuses a private key", async () => {
    expect((await symbolon("bundle", "show", files.pem)).stdout).toContain("1 X.509 authorities, 0 JWT authorities");
    expect((await symbolon("bundle", "show", write("empty.json", '{"keys":[]}'))).stdout).toContain(
      "nobody of the trust domain is to be trusted",
    );
    const jwk = { ...key.privateKey.export({ format: "jwk" }), use: "jwt-svid", kid: "k" };
    const { status, stderr } = await symbolon("bundle", "show", write("key.json", JSON.stringify({ keys: [jwk] })));
    const advice =
      "next: take the private key out, and replace it wherever the file has been: a bundle is for everybody\n";
    expect([status, stderr]).toEqual([
      65,
      `error: bundle "${join(directory, "key.json")}": SPIFFE bundle: JWK set: key 0 is a private or symmetric key (ERR_BUNDLE_DOCUMENT_INVALID)\n${advice}`,
    ]);
    const pem = write("key.pem", `${root.bundle.toPem()}${key.privateKey.export({ format: "pem", type: "pkcs8" })}`);
    expect(await symbolon("bundle", "show", pem)).toMatchObject({
      status: 65,
      stderr: `error: bundle "${pem}": PEM block is "PRIVATE KEY", wanted CERTIFICATE (ERR_PEM_UNEXPECTED_LABEL)\n${advice}`,
    });
  });
  test("refuses more than 1 MiB of any form", async () => {
    const limit = 1024 * 1024;
    for (const [name, text] of [
      ["large.pem", root.bundle.toPem()],
      ["large.json", '{"keys":[]}'],
    ] as const) {
      const fits = write(name, text.padEnd(limit, "\n"));
      expect((await symbolon("bundle", "show", fits)).status).toBe(0);
      const { status, stderr } = await symbolon("bundle", "show", write(name, text.padEnd(limit + 1, "\n")));
      expect([status, stderr]).toEqual([65, `error: bundle "${fits}": it has 1048577 bytes, more than 1048576\n`]);
    }
  });
  test("writes a SPIFFE document, which jwt validate and svid verify take", async () => {
    const { status, stdout } = await symbolon("bundle", "show", files.document, "-o", "spiffe");
    expect([status, JSON.parse(stdout)]).toEqual([0, JSON.parse(document.json)]);
    const copy = write("copy.json", stdout);
    const args = ["jwt", "validate", token, "--bundle", copy, "--audience", "api", "--time", now];
    expect((await symbolon(...args)).status).toBe(0);
    expect((await symbolon("svid", "verify", files.svid, "--bundle", copy, "--time", now)).status).toBe(0);
  });
});

import { beforeEach, describe, expect, test } from "bun:test";
import { silentLog, systemRandom } from "@symbolon/spiffe/core";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { createKeyPair } from "@symbolon/spiffe/x509";
import {
  failureOf,
  type MemoryIssuances,
  memoryDirectory,
  memoryIssuances,
  TRUST_DOMAIN,
  WEB_ID,
} from "../../../../test/fakes/ca-fixture.ts";
import { productError } from "../core/index.ts";
import { createIssuanceProfile } from "./issuance-profile.ts";
import * as steps from "./issuance-steps.ts";
import { type CertificatePlan, prepareCertificate, recordIssuance } from "./issuance-steps.ts";
import { createIssuer } from "./issue-certificate.ts";
import { loadSelfSignedAuthority } from "./self-signed-authority.ts";
import { createSerialNumber } from "./serial-number.ts";
import { SigningAuthority, signCertificate } from "./signing-authority.ts";

const clock = createFakeClock();
const now = clock.now();
let issuances: MemoryIssuances;
let authority: SigningAuthority;
/** What reached the key. */
let signed: Uint8Array[];

beforeEach(async () => {
  issuances = memoryIssuances();
  signed = [];
  authority = await countingAuthority();
});

/** A real authority; its key counts. */
async function countingAuthority(): Promise<SigningAuthority> {
  const real = await loadSelfSignedAuthority({
    trustDomain: TRUST_DOMAIN,
    directory: memoryDirectory(),
    issuances,
    clock,
    random: systemRandom,
    log: silentLog,
  });
  const { kind, certificate, intermediates, bundle, validity, signatureAlgorithm } = real;
  const sign = async (bytes: Uint8Array) => {
    signed.push(bytes);
    return new Uint8Array(64);
  };
  return new SigningAuthority({
    kind,
    certificate,
    intermediates,
    bundle,
    validity,
    signer: { signatureAlgorithm, sign },
  });
}

const planOf = (changes: Partial<CertificatePlan> = {}): CertificatePlan => ({
  kind: "workload",
  spiffeId: WEB_ID,
  publicKey: createKeyPair().spki,
  validity: { notBefore: new Date(now.getTime() - 60_000), notAfter: new Date(now.getTime() + 3_600_000) },
  serialNumber: createSerialNumber(systemRandom, now),
  caller: "tester",
  authenticator: "test",
  ...changes,
});

const codeOf = (work: () => unknown): { code: string; message: string } => {
  try {
    work();
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error("expected a throw");
};

describe("nothing is signed without prepare, lint and record", () => {
  test("a prepared certificate is not one that may be signed", async () => {
    const prepared = prepareCertificate(authority, planOf(), now);
    // @ts-expect-error signCertificate takes a RecordedCertificate alone
    expect(await failureOf(signCertificate(prepared))).toMatchObject({
      code: "ERR_INTERNAL_BUG",
      message: "certificate was not recorded",
    });
    expect(signed).toEqual([]);
  });

  test("a plan is not one that may be recorded or signed", async () => {
    const plan = planOf();
    // @ts-expect-error recordIssuance takes a PreparedCertificate alone
    expect((await failureOf(recordIssuance(issuances, { authority, plan }, now))).message).toBe(
      "certificate was not prepared",
    );
    // @ts-expect-error signCertificate takes a RecordedCertificate alone
    expect((await failureOf(signCertificate({ authority, plan }))).message).toBe("certificate was not recorded");
    expect(issuances.records).toEqual([]);
    expect(signed).toEqual([]);
  });

  test("the tokens' classes are not there to be called", () => {
    // @ts-expect-error exported as a type
    expect(steps.PreparedCertificate).toBeUndefined();
    // @ts-expect-error exported as a type
    expect(steps.RecordedCertificate).toBeUndefined();
  });

  test("nor can one be made of another one's constructor, prototype or copy", async () => {
    const recorded = await recordIssuance(issuances, prepareCertificate(authority, planOf(), now), now);
    const Constructor = recorded.constructor as new (...parts: unknown[]) => typeof recorded;
    expect(codeOf(() => new Constructor(Symbol("issuance token"), authority, planOf(), new Uint8Array())).message).toBe(
      "issuance tokens are made by the issuance steps alone",
    );
    const heir = Object.create(recorded) as typeof recorded;
    const twin = Object.assign(Object.create(Object.getPrototypeOf(recorded)), recorded) as typeof recorded;
    for (const forged of [heir, twin]) expect(await rejects(() => signCertificate(forged))).toBe(true);
    expect(signed).toEqual([]);
  });

  test("each token serves once", async () => {
    const prepared = prepareCertificate(authority, planOf(), now);
    const recorded = await recordIssuance(issuances, prepared, now);
    expect((await failureOf(recordIssuance(issuances, prepared, now))).message).toBe("issuance token is already spent");
    await failureOf(signCertificate(recorded));
    expect(signed).toHaveLength(1);
    expect((await failureOf(signCertificate(recorded))).message).toBe("issuance token is already spent");
    expect(signed).toHaveLength(1);
    expect(issuances.records).toHaveLength(1);
  });

  test("a token whose record failed is spent all the same", async () => {
    const prepared = prepareCertificate(authority, planOf(), now);
    issuances.failure = productError("ERR_ISSUANCE_LOG_FULL", "full");
    expect((await failureOf(recordIssuance(issuances, prepared, now))).code).toBe("ERR_ISSUANCE_LOG_FULL");
    delete issuances.failure;
    expect((await failureOf(recordIssuance(issuances, prepared, now))).message).toBe("issuance token is already spent");
  });

  test("who signs, and what is recorded, cannot be exchanged after the lint", async () => {
    const plan = { ...planOf() };
    const prepared = prepareCertificate(authority, plan, now);
    const serial = plan.serialNumber;
    plan.serialNumber = 1n;
    expect(prepared.plan.serialNumber).toBe(serial);
    expect(() => Object.assign(prepared, { authority: null })).toThrow(TypeError);
    expect(() => Object.assign(prepared.plan, { caller: "somebody else" })).toThrow(TypeError);
  });

  test("the signer is in nobody's reach but signCertificate's", () => {
    expect(Object.values(authority)).not.toContainEqual(expect.any(Function));
    expect(Bun.inspect(authority, { depth: 10 })).not.toContain("sign:");
  });

  test("a signature that does not verify is no certificate", async () => {
    const recorded = await recordIssuance(issuances, prepareCertificate(authority, planOf(), now), now);
    expect(await failureOf(signCertificate(recorded))).toMatchObject({
      code: "ERR_CA_OUTPUT_WRONG",
      message: "the signature that was just made does not verify",
    });
  });
});

describe("a plan that fails the lint is neither recorded nor signed", () => {
  const at = (seconds: number) => new Date(now.getTime() + seconds * 1000);
  const faults: readonly [string, () => Partial<CertificatePlan>, string][] = [
    ["the trust domain's own ID", () => ({ spiffeId: TRUST_DOMAIN.id() }), "spiffe-id-path-missing"],
    ["serial number 0", () => ({ serialNumber: 0n }), "serial-not-positive"],
    ["a serial number of 21 octets", () => ({ serialNumber: 1n << 160n }), "serial-too-long"],
    ["a serial number of a few bits", () => ({ serialNumber: 4711n }), "serial-predictable"],
    ["an end before its beginning", () => ({ validity: { notBefore: at(60), notAfter: at(-60) } }), "validity-order"],
    ["a time that is over", () => ({ validity: { notBefore: at(-60), notAfter: at(-1) } }), "validity-not-now"],
    ["a time to come", () => ({ validity: { notBefore: at(600), notAfter: at(1200) } }), "validity-not-now"],
    ["91 days", () => ({ validity: { notBefore: at(-60), notAfter: at(91 * 86_400) } }), "validity-too-long"],
    [
      "an end after the issuer's",
      () => ({ validity: { notBefore: at(-60), notAfter: at(86_400 * 3651) } }),
      "validity-outlives-issuer",
    ],
    ["the issuer's own key", () => ({ publicKey: authority.certificate.spki }), "public-key-is-issuers"],
    ["a DNS name that is none", () => ({ dnsNames: ["a..b"] }), "dns-name-syntax"],
  ];
  for (const [what, changes, code] of faults)
    test(what, () => {
      const error = codeOf(() => prepareCertificate(authority, planOf(changes()), now)) as unknown as {
        code: string;
        details: { findings: readonly string[] };
      };
      expect(error.code).toBe("ERR_CA_LINT_FAILED");
      expect(error.details.findings.map((finding) => finding.split(":")[0])).toContain(code);
      expect(issuances.records).toEqual([]);
      expect(signed).toEqual([]);
    });

  test("also when the whole issuer runs: neither log nor audit hears of it", async () => {
    const audit: unknown[] = [];
    const issue = createIssuer({
      authority,
      profile: createIssuanceProfile(),
      issuances,
      audit: { write: async (event) => void audit.push(event) },
      clock,
      random: systemRandom,
      log: silentLog,
      newestRecordTime: undefined,
    });
    const request = { ...planOf({ dnsNames: ["bad name"] }), requestedLifetimeSeconds: 0n };
    expect((await failureOf(issue(request))).code).toBe("ERR_CA_LINT_FAILED");
    expect([audit, issuances.records, signed]).toEqual([[], [], []]);
  });
});

async function rejects(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return false;
  } catch {
    return true;
  }
}

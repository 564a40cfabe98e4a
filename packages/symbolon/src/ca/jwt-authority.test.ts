import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JwtBundleSet, SpiffeBundle, X509Bundle } from "@symbolon/spiffe/bundle";
import { Secret, silentLog, systemRandom } from "@symbolon/spiffe/core";
import { SpiffeId, TrustDomain } from "@symbolon/spiffe/id";
import { verifyJwtSvid } from "@symbolon/spiffe/svid";
import { createFakeClock } from "@symbolon/spiffe/testing";
import {
  type CaFixture,
  type CaFixtureOptions,
  createCaFixture,
  failureOf,
} from "../../../../test/fakes/ca-fixture.ts";
import { openSecretDirectory, sealedSecretDirectory } from "../adapters/fs/index.ts";
import { loadJwtAuthority } from "./load-jwt-authority.ts";

const FILE = "jwt-authority.pem";
/** More than the fractions of milliseconds that random delays of other timers leave on the fake clock. */
const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const SUCCESSION_MS = (7 * DAY_MS * 5) / 6;
const web = SpiffeId.parse("spiffe://cluster.local/ns/foo/sa/web");
const caller = { name: "entry web", authenticator: "registration entry" };
const order = { spiffeId: web, audiences: ["api"] };

const open: CaFixture[] = [];
const start = async (options: CaFixtureOptions = {}): Promise<CaFixture> => {
  const fixture = await createCaFixture(options);
  open.push(fixture);
  return fixture;
};
afterEach(() => {
  for (const { ca } of open.splice(0)) ca.close();
});

const verify = ({ ca, clock }: CaFixture, token: string, bundle = ca.jwt.bundle.current) =>
  verifyJwtSvid(token, JwtBundleSet.of(bundle.jwtBundle), { audiences: ["api"], now: clock.now() });
const kidsOf = ({ ca }: CaFixture) => ca.jwt.bundle.current.jwtAuthorities.keys.map(({ kid }) => kid);
const issue = async (fixture: CaFixture) => {
  const { token } = await fixture.ca.jwt.createJwtSvid(order, caller);
  return { text: token.expose(), kid: verify(fixture, token.expose()).keyId };
};
const privateKeys = ({ stateDirectory }: CaFixture): number =>
  (stateDirectory.files.get(FILE)?.toString() ?? "").split("-----BEGIN PRIVATE KEY-----").length - 1;

describe("createJwtSvid", () => {
  test("signs with ES256, for five minutes, and has an audit line before the token is handed out", async () => {
    const fixture = await start();
    const { token, expiresAt } = await fixture.ca.jwt.createJwtSvid(order, caller);
    const svid = verify(fixture, token.expose());
    expect([svid.spiffeId.toString(), svid.algorithm]).toEqual([web.toString(), "ES256"]);
    expect(svid.expiresAt).toEqual(new Date(fixture.clock.now().getTime() + 5 * MINUTE_MS));
    expect(expiresAt).toEqual(svid.expiresAt);
    expect(Object.keys(svid.claims).sort()).toEqual(["aud", "exp", "iat", "sub"]);
    expect(fixture.audit).toEqual([
      {
        kind: "token.issue",
        outcome: "success",
        actor: "entry web",
        subject: web.toString(),
        authority: "registration entry",
        details: { audiences: "api", keyId: svid.keyId ?? "", expiresAt: svid.expiresAt.toISOString() },
      },
    ]);
  });

  test("gives no token whose audit line cannot be written", async () => {
    let isFull = false;
    const write = async (): Promise<void> => {
      if (isFull) throw new Error("disk full");
    };
    const { ca } = await start({ audit: { write } });
    isFull = true;
    expect((await failureOf(ca.jwt.createJwtSvid(order, caller))).message).toBe("disk full");
  });

  test("signs RS256 on request, as soon as everybody knows the new key", async () => {
    const first = await start();
    const { kid } = await issue(first);
    const second = await start({
      stateDirectory: first.stateDirectory,
      clock: first.clock,
      jwtAlgorithm: "RS256",
    });
    expect(kidsOf(second)).toHaveLength(2);
    expect((await issue(second)).kid).toBe(kid);
    await second.clock.advance(25 * MINUTE_MS + SECOND_MS);
    const later = await issue(second);
    expect(verify(second, later.text).algorithm).toBe("RS256");
  });

  const wrong: readonly (readonly [string, Partial<Parameters<CaFixture["ca"]["jwt"]["createJwtSvid"]>[0]>, string])[] =
    [
      ["no audience", { audiences: [] }, "audience must be specified"],
      ["an empty audience", { audiences: ["api", ""] }, "an audience is empty"],
      ["an audience twice", { audiences: ["api", "api"] }, "an audience is named twice"],
      ["an overlong audience", { audiences: ["x".repeat(1025)] }, "an audience has 1025 characters, more than 1024"],
      ["half a character", { audiences: ["\ud800"] }, "an audience has a surrogate without its pair"],
      ["33 audiences", { audiences: Array.from({ length: 33 }, (_, i) => `a${i}`) }, "33 audiences, more than 32"],
      [
        "audiences that are too long together",
        { audiences: ["a", "b", "c", "d", "e"].map((letter) => letter.repeat(1000)) },
        "audiences have 5000 characters together, more than 4096",
      ],
      [
        "another trust domain",
        { spiffeId: SpiffeId.parse("spiffe://other.org/web") },
        '"spiffe://other.org/web" is not in the trust domain "cluster.local"',
      ],
      [
        "the trust domain's own ID",
        { spiffeId: SpiffeId.parse("spiffe://cluster.local") },
        `"spiffe://cluster.local" has no path: it is no workload's ID`,
      ],
      ["half a second", { lifetimeSeconds: 0.5 }, 'lifetime "0.5" is not a whole number of seconds'],
      ["no time at all", { lifetimeSeconds: 0 }, 'lifetime "0" is not a whole number of seconds'],
    ];
  for (const [what, change, message] of wrong)
    test(`refuses ${what}`, async () => {
      const { ca, audit } = await start();
      expect(await failureOf(ca.jwt.createJwtSvid({ ...order, ...change }, caller))).toMatchObject({
        code: "ERR_JWT_SVID_REQUEST_INVALID",
        message,
      });
      expect(audit).toEqual([]);
    });

  test("takes the largest order that it allows, and no life of more than a day", async () => {
    const fixture = await start();
    const audiences = [
      "api",
      ...["\u{1f600}", "\u0001", "\u20ac", "d"].map((letter) => letter.repeat(1000).slice(0, 1000)),
    ];
    const largest = { ...order, audiences: audiences.slice(0, 4), lifetimeSeconds: 24 * 3600 };
    const { token } = await fixture.ca.jwt.createJwtSvid(largest, caller);
    expect(verify(fixture, token.expose()).audiences).toHaveLength(4);
    const tooLong = { ...order, lifetimeSeconds: 24 * 3600 + 1 };
    expect((await failureOf(fixture.ca.jwt.createJwtSvid(tooLong, caller))).code).toBe("ERR_CA_LIFETIME_TOO_LONG");
  });
});

describe("the life of a key", () => {
  test("begins in the bundle, a successor is published days before it signs, and the old one stays for its last tokens", async () => {
    const fixture = await start();
    const { clock, ca } = fixture;
    const sequences: (number | undefined)[] = [];
    ca.jwt.bundle.subscribe(({ sequence }) => sequences.push(sequence));
    const first = await issue(fixture);
    expect(kidsOf(fixture)).toEqual([first.kid]);
    const firstSequence = ca.jwt.bundle.current.sequence ?? 0;

    await clock.advance(3.5 * DAY_MS + SECOND_MS);
    expect(kidsOf(fixture)).toHaveLength(2);
    expect((await issue(fixture)).kid).toBe(first.kid);
    expect(privateKeys(fixture)).toBe(2);

    await clock.advance(SUCCESSION_MS - 3.5 * DAY_MS);
    const second = await issue(fixture);
    expect(second.kid).toBe(kidsOf(fixture)[1]);
    expect(privateKeys(fixture)).toBe(1);
    expect(kidsOf(fixture)).toEqual([first.kid, second.kid]);

    await clock.advance(7 * DAY_MS - SUCCESSION_MS);
    expect(kidsOf(fixture)).toEqual([second.kid]);
    expect(sequences).toEqual([firstSequence + 1, firstSequence + 2]);
    expect(
      fixture.audit.filter(({ kind }) => kind === "key.change").map(({ details }) => [details?.keyId, details?.change]),
    ).toEqual([
      [second.kid, "prepared"],
      [first.kid, "retired"],
      [first.kid, "removed"],
    ]);
  });

  test("no token outlives it, and every token verifies until it ends", async () => {
    const fixture = await start();
    for (let day = 0; day < 30; day++) {
      const { token, expiresAt } = await fixture.ca.jwt.createJwtSvid({ ...order, lifetimeSeconds: 24 * 3600 }, caller);
      expect(fixture.clock.now().getTime() + DAY_MS - expiresAt.getTime()).toBeLessThan(SECOND_MS);
      await fixture.clock.advance(DAY_MS - 2 * SECOND_MS);
      expect(verify(fixture, token.expose()).spiffeId.toString()).toBe(web.toString());
      await fixture.clock.advance(2 * SECOND_MS);
    }
    expect(kidsOf(fixture).length).toBeLessThanOrEqual(2);
  });

  test("survives a restart with its name and the sequence number", async () => {
    const first = await start();
    const { text, kid } = await issue(first);
    const second = await start({ stateDirectory: first.stateDirectory });
    expect(kidsOf(second)).toEqual([kid]);
    expect(second.ca.jwt.bundle.current.sequence).toBe(first.ca.jwt.bundle.current.sequence);
    expect(verify(second, text).keyId).toBe(kid);
    expect((await issue(second)).kid).toBe(kid);
  });

  test("that ended while nothing ran is replaced at once, also when the timers are late", async () => {
    const fixture = await start();
    const { kid } = await issue(fixture);
    fixture.clock.stepWallClock(8 * DAY_MS);
    const later = await issue(fixture);
    expect(later.kid).not.toBe(kid);
    expect(kidsOf(fixture)).toEqual([later.kid]);
  });

  test("is not changed while the change cannot be written down: the old one goes on, and it is tried again", async () => {
    const fixture = await start();
    const { clock, stateDirectory } = fixture;
    const { kid } = await issue(fixture);
    const { writeSecret } = stateDirectory;
    Object.assign(stateDirectory, { writeSecret: () => Promise.reject(new Error("disk full")) });
    await clock.advance(3.5 * DAY_MS + SECOND_MS);
    expect(kidsOf(fixture)).toEqual([kid]);
    expect((await issue(fixture)).kid).toBe(kid);
    Object.assign(stateDirectory, { writeSecret });
    await clock.advance(MINUTE_MS + SECOND_MS);
    expect(kidsOf(fixture)).toHaveLength(2);
  });

  test("that cannot be read stops the CA, with what to do", async () => {
    const first = await start();
    const good = first.stateDirectory.files.get(FILE)?.toString() ?? "";
    for (const [content, what] of [
      ["", "malformed JSON"],
      ["{}\n", "lacks a member"],
      [good.slice(0, -80), "private key cannot be read"],
      [good.replace(/"kid":"./, '"kid":"!'), "the name of a key is not its thumbprint"],
      [good.replace(/"activeFrom":"[^"]*"/, '"activeFrom":"soon"'), '"activeFrom" of a key is not a time'],
      [good.replace("\n-----BEGIN", "\nx-----BEGIN"), "there is text before the private keys"],
    ] as const) {
      first.stateDirectory.files.set(FILE, Buffer.from(content));
      const failure = await failureOf(createCaFixture({ stateDirectory: first.stateDirectory }));
      expect(failure.code).toBe("ERR_CA_FILES_INVALID");
      expect(failure.message).toContain(what);
      expect(failure.message).toContain("restore it, or remove it");
    }
  });
});

test("with a passphrase its keys are sealed on the disk, like the root's, and are read again with it", async () => {
  const root = mkdtempSync(join(tmpdir(), "jwt-authority-"));
  try {
    const directory = await openSecretDirectory(join(root, "ca"));
    const load = () =>
      loadJwtAuthority({
        trustDomain: TrustDomain.parse("cluster.local"),
        directory: sealedSecretDirectory(directory, { passphrase: new Secret("correct horse"), random: systemRandom }),
        x509Bundle: X509Bundle.fromCertificates(TrustDomain.parse("cluster.local"), []),
        audit: { write: async () => undefined },
        clock: createFakeClock(),
        log: silentLog,
      });
    const first = await load();
    const onDisk = readFileSync(join(root, "ca", FILE), "latin1");
    expect(onDisk).not.toContain("PRIVATE KEY");
    expect(onDisk).not.toContain('"keys"');
    expect(statSync(join(root, "ca", FILE)).mode & 0o777).toBe(0o600);
    const second = await load();
    expect(second.bundle.current.equals(first.bundle.current)).toBe(true);
    first.close();
    second.close();
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("the bundle document has the root and the JWT keys, and is what relying parties read", async () => {
  const fixture = await start();
  const { current } = fixture.ca.jwt.bundle;
  const read = SpiffeBundle.parse(current.trustDomain, current.json);
  expect(read.equals(current)).toBe(true);
  expect(read.x509Bundle.equals(fixture.ca.bundle)).toBe(true);
  expect(read.refreshHintSeconds).toBe(300);
  expect(verify(fixture, (await issue(fixture)).text, read).audiences).toEqual(["api"]);
});

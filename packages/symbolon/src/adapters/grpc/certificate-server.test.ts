import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { BundleSet } from "@symbolon/spiffe/bundle";
import { Secret } from "@symbolon/spiffe/core";
import { SpiffeId } from "@symbolon/spiffe/id";
import { verifyX509Svid } from "@symbolon/spiffe/svid";
import { createTestAuthority } from "@symbolon/spiffe/testing";
import { createKeyPair, parseCertificatesPem } from "@symbolon/spiffe/x509";
import { csrPem, WEB_ID } from "../../../../../test/fakes/ca-fixture.ts";
import {
  bearer,
  type CaServerFixture,
  callAsForeigner,
  createCaServerFixture,
} from "../../../../../test/fakes/ca-server-fixture.ts";

let fixture: CaServerFixture;

beforeAll(async () => {
  fixture = await createCaServerFixture();
});
afterAll(() => fixture.close());
beforeEach(() => {
  fixture.audit.length = 0;
});

const never = new AbortController().signal;
const verify = (chainPem: readonly string[]) =>
  verifyX509Svid(
    chainPem.flatMap((pem) => parseCertificatesPem(pem).map(({ der }) => der)),
    BundleSet.of(fixture.ca.bundle),
    { now: fixture.clock.now() },
  );

describe("the certificate service on the wire", () => {
  test("gives a foreign client Istio's answer: leaf, then roots, each with a trailing newline", async () => {
    const answer = await callAsForeigner(fixture, { csr: csrPem(), authorization: bearer(fixture.token()) });
    if (answer.kind !== "answer") throw new Error(answer.details);
    expect(answer.certChain).toHaveLength(2);
    expect(answer.certChain[1]).toBe(fixture.ca.rootsPem);
    for (const element of answer.certChain) expect(element).toEndWith("-----END CERTIFICATE-----\n");
    expect(verify(answer.certChain.slice(0, 1)).spiffeId.equals(WEB_ID)).toBe(true);
    expect(fixture.audit.map(({ outcome }) => outcome)).toEqual(["started", "success"]);
  });

  test("reads the lifetime from field 3, and takes a negative one as the default", async () => {
    const lifeOf = async (validityDuration: bigint) => {
      const answer = await callAsForeigner(fixture, {
        csr: csrPem(),
        validityDuration,
        authorization: bearer(fixture.token()),
      });
      if (answer.kind !== "answer") throw new Error(answer.details);
      const { leaf } = verify(answer.certChain.slice(0, 1));
      return (leaf.notAfter.getTime() - leaf.notBefore.getTime()) / 1000 - 60;
    };
    expect(await lifeOf(20n)).toBe(20);
    expect(await lifeOf(-1n)).toBe(86_400);
    expect(await lifeOf(-(2n ** 63n))).toBe(86_400);
  });

  test("gives our own client a chain and roots", async () => {
    const received = await fixture.client.createCertificate(
      { csrPem: csrPem(), validitySeconds: 3600, token: fixture.token() },
      never,
    );
    expect(received.rootsPem).toBe(fixture.ca.rootsPem);
    expect(verify(received.certificateChainPem).spiffeId.equals(WEB_ID)).toBe(true);
  });

  test("answers many calls at once, each with a serial number of its own", async () => {
    const request = () => ({ csrPem: csrPem(), validitySeconds: 3600, token: fixture.token() });
    const all = await Promise.all(
      Array.from({ length: 100 }, () => fixture.client.createCertificate(request(), never)),
    );
    const serials = all.map(({ certificateChainPem }) => verify(certificateChainPem).leaf.serialNumberHex);
    expect(new Set(serials).size).toBe(100);
  });

  test("writes the peer's true address into the audit", async () => {
    await callAsForeigner(fixture, { csr: csrPem(), authorization: bearer(fixture.token()) });
    expect(fixture.audit[1]?.details?.peer).toMatch(/^127\.0\.0\.1:\d+$/);
  });
});

describe("renewal with the current SVID", () => {
  const firstSvid = async () => {
    const keyPair = createKeyPair();
    const answer = await callAsForeigner(fixture, {
      csr: csrPem({ keyPair }),
      authorization: bearer(fixture.token()),
    });
    if (answer.kind !== "answer") throw new Error(answer.details);
    const keyPem = keyPair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    return { chainPem: answer.certChain[0] ?? "", keyPem };
  };

  test("needs no token and gives the same identity", async () => {
    const clientCertificate = await firstSvid();
    fixture.audit.length = 0;
    const answer = await callAsForeigner(fixture, { csr: csrPem(), clientCertificate });
    if (answer.kind !== "answer") throw new Error(answer.details);
    expect(verify(answer.certChain.slice(0, 1)).spiffeId.equals(WEB_ID)).toBe(true);
    expect(fixture.audit[1]).toMatchObject({
      outcome: "success",
      actor: WEB_ID.toString(),
      authority: "client certificate",
      details: { callerSerialNumber: parseCertificatesPem(clientCertificate.chainPem)[0]?.serialNumberHex },
    });
  });

  test("works with our own client, whose copy of the key is wiped afterwards", async () => {
    const { chainPem, keyPem } = await firstSvid();
    const clientCertificate = { chainPem, keyPem: new Secret(Buffer.from(keyPem)) };
    const received = await fixture.client.createCertificate(
      { csrPem: csrPem(), validitySeconds: 3600, clientCertificate },
      never,
    );
    expect(verify(received.certificateChainPem).spiffeId.equals(WEB_ID)).toBe(true);
  });

  test("cannot reach another identity: the request's name is compared with the certificate's", async () => {
    const clientCertificate = await firstSvid();
    fixture.audit.length = 0;
    const admin = SpiffeId.parse("spiffe://cluster.local/ns/foo/sa/admin");
    expect(await callAsForeigner(fixture, { csr: csrPem({ spiffeId: admin }), clientCertificate })).toMatchObject({
      code: 3,
      details:
        'CSR signing error (CSR asks for URI "spiffe://cluster.local/ns/foo/sa/admin", caller is "spiffe://cluster.local/ns/foo/sa/web")',
    });
    expect(fixture.audit).toMatchObject([{ outcome: "refused", actor: WEB_ID.toString() }]);
  });

  test("is for the certificate whose key the caller holds, whatever it sends behind that", async () => {
    const web = await firstSvid();
    fixture.pods.set("api", { name: "api-1", namespace: "foo", serviceAccount: "api" });
    const apiId = SpiffeId.parse("spiffe://cluster.local/ns/foo/sa/api");
    const keyPair = createKeyPair();
    const api = await callAsForeigner(fixture, {
      csr: csrPem({ keyPair, spiffeId: apiId }),
      authorization: bearer(fixture.token({ serviceAccount: "api", podName: "api-1", podUid: "api" })),
    });
    if (api.kind !== "answer") throw new Error(api.details);
    const keyPem = keyPair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const clientCertificate = { chainPem: (api.certChain[0] ?? "") + web.chainPem, keyPem };
    expect(await callAsForeigner(fixture, { csr: csrPem(), clientCertificate })).toMatchObject({ code: 3 });
    expect(fixture.audit.at(-1)).toMatchObject({ outcome: "refused", actor: apiId.toString() });
  });

  const strangers: readonly [string, () => { readonly chainPem: string; readonly keyPem: string }, string][] = [
    ["of another root with the same name", () => issuedBy(createTestAuthority("cluster.local")), "ERR_SVID_UNTRUSTED"],
    ["of another trust domain", () => issuedBy(createTestAuthority("other.test")), "ERR_BUNDLE_NOT_FOUND"],
  ];
  for (const [what, clientCertificate, code] of strangers)
    test(`is refused for a certificate ${what}`, async () => {
      const answer = await callAsForeigner(fixture, { csr: csrPem(), clientCertificate: clientCertificate() });
      expect(answer).toMatchObject({ code: 16, details: "request authenticate failure" });
      expect(String(fixture.audit[0]?.details?.reasons)).toContain(`client certificate: ${code}`);
    });

  test("is refused once the certificate has expired, and the token then counts alone", async () => {
    const own = await createCaServerFixture({ profile: { defaultLifetimeSeconds: 60 } });
    try {
      const keyPair = createKeyPair();
      const first = await callAsForeigner(own, { csr: csrPem({ keyPair }), authorization: bearer(own.token()) });
      if (first.kind !== "answer") throw new Error(first.details);
      const keyPem = keyPair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
      const clientCertificate = { chainPem: first.certChain[0] ?? "", keyPem };
      await own.clock.advance(61_000);
      expect(await callAsForeigner(own, { csr: csrPem(), clientCertificate })).toMatchObject({ code: 16 });
      expect(String(own.audit.at(-1)?.details?.reasons)).toContain(
        "client certificate: ERR_SVID_UNTRUSTED: x509svid: could not verify leaf certificate: certificate has expired",
      );
      const authorization = bearer(own.token());
      expect((await callAsForeigner(own, { csr: csrPem(), clientCertificate, authorization })).kind).toBe("answer");
    } finally {
      await own.close();
    }
  });
});

describe("two pods behind one connection", () => {
  test("each get the identity of their own token", async () => {
    fixture.pods.set("api", { name: "api-1", namespace: "foo", serviceAccount: "api" });
    const apiToken = fixture.token({ serviceAccount: "api", podName: "api-1", podUid: "api" });
    const api = SpiffeId.parse("spiffe://cluster.local/ns/foo/sa/api");
    const [web, other] = await Promise.all([
      fixture.client.createCertificate({ csrPem: csrPem(), validitySeconds: 60, token: fixture.token() }, never),
      fixture.client.createCertificate(
        { csrPem: csrPem({ spiffeId: api }), validitySeconds: 60, token: apiToken },
        never,
      ),
    ]);
    expect(verify(web?.certificateChainPem ?? []).spiffeId.equals(WEB_ID)).toBe(true);
    expect(verify(other?.certificateChainPem ?? []).spiffeId.equals(api)).toBe(true);
  });
});

function issuedBy(authority: ReturnType<typeof createTestAuthority>) {
  const svid = authority.issue("/ns/foo/sa/web");
  return {
    chainPem: svid.certificateChainPem(),
    keyPem: svid.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

/** The verdict on a peer, without a handshake: what an authorizer may answer, and what a socket may show. */
import { deepEqual, equal, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { BundleSet } from "../bundle/index.ts";
import { createX509SourceFeed } from "../source/index.ts";
import { createFakeClock, createTestAuthority } from "../testing/index.ts";
import { type Authorizer, allow, createPeerCheck } from "./index.ts";
import { type HandshakenSocket, presentedCertificates } from "./presented-certificates.ts";

const WEB = "spiffe://example.test/web";
const authority = createTestAuthority("example.test");
const web = authority.issue("/web");
const presented = web.chain.map(({ der }) => der);
const clock = createFakeClock();

function checkOf(allowed: Authorizer) {
  const feed = createX509SourceFeed({ clock });
  const bundles = BundleSet.of(authority.bundle);
  feed.set({ svid: web, svids: [{ svid: web, hint: "" }], bundles, crls: [] });
  return createPeerCheck(feed.source, "a test", { allow: allowed, clock });
}

/** For answers that only a program without types can give. */
const untyped = (answer: unknown) => (() => answer) as Authorizer;
const notAllowed = (reason: string) => ({
  code: "ERR_TLS_PEER_NOT_ALLOWED",
  message: `the peer is who it says it is, but not allowed: ${reason}`,
});

describe("a peer is accepted", () => {
  for (const [what, allowed] of [
    ["by undefined", () => undefined],
    ["by a predicate that is true", allow.where(() => true)],
    ["by its ID", allow.id(WEB)],
    ["as one of a list", allow.oneOf(["spiffe://example.test/db", WEB])],
    ["as a member of its trust domain", allow.memberOf("example.test")],
  ] as const satisfies readonly (readonly [string, Authorizer])[])
    test(what, () => {
      const check = checkOf(allowed);
      const peer = check.ofCertificates(presented);
      equal(peer.spiffeId.toString(), WEB);
      equal(check.ofLivePeer(peer).spiffeId.toString(), WEB);
    });
});

describe("a peer is refused", () => {
  const { ofCertificates } = checkOf(allow.any());
  for (const [what, allowed, reason] of [
    ["by an empty reason", () => "", ""],
    ["by null", untyped(null), "null"],
    ["by false", untyped(false), "false"],
    ["by true, which is no answer of an authorizer", untyped(true), "true"],
    [
      "by an authorizer that throws",
      () => {
        throw new Error("out of order");
      },
      "the authorizer threw: out of order",
    ],
    ["by a promise, which comes too late", untyped(Promise.resolve(undefined)), "[object Promise]"],
    ["by a predicate that is false", allow.where(() => false), `unexpected ID "${WEB}"`],
    ["by a predicate that is not true but truthy", allow.where((() => "yes") as never), `unexpected ID "${WEB}"`],
    ["by a predicate that answers a promise", allow.where((async () => true) as never), `unexpected ID "${WEB}"`],
    ["by another ID", allow.id(`${WEB}2`), `unexpected ID "${WEB}"`],
    ["by an empty list", allow.oneOf([]), `unexpected ID "${WEB}"`],
    ["by another trust domain", allow.memberOf("test"), 'unexpected trust domain "example.test"'],
  ] as const satisfies readonly (readonly [string, Authorizer, string])[])
    test(`${what}, in its handshake and later on`, () => {
      const check = checkOf(allowed);
      throws(() => check.ofCertificates(presented), notAllowed(reason));
      throws(() => check.ofLivePeer(ofCertificates(presented)), notAllowed(reason));
    });

  test("without an authorizer, also by a program without types", () => {
    for (const missing of [undefined, null, true, WEB, {}])
      throws(() => checkOf(missing as never), { code: "ERR_TLS_AUTHORIZER_MISSING" });
  });
});

describe("a socket", () => {
  const socketOf = (parts: Partial<Record<keyof HandshakenSocket, unknown>>) =>
    ({
      isSessionReused: () => false,
      getPeerCertificate: () => ({}),
      getPeerX509Certificate: () => undefined,
      ...parts,
    }) as unknown as HandshakenSocket;
  const [leaf] = presented;
  const shows = { getPeerCertificate: () => ({ raw: leaf }) };

  test("of a resumed session is refused, whatever certificates the runtime has of the first one", () => {
    const { ofSocket } = checkOf(allow.any());
    equal(ofSocket(socketOf(shows)).spiffeId.toString(), WEB);
    throws(() => ofSocket(socketOf({ ...shows, isSessionReused: () => true })), { code: "ERR_TLS_SESSION_RESUMED" });
  });

  test("that shows no certificate is refused", () => {
    for (const none of [undefined, null, {}])
      throws(() => checkOf(allow.any()).ofSocket(socketOf({ getPeerCertificate: () => none })), {
        code: "ERR_TLS_NO_PEER_CERTIFICATE",
      });
  });

  test("is read to its seventeenth certificate, however many there are, in a ring too", () => {
    interface Shown {
      readonly raw: Uint8Array;
      issuerCertificate?: Shown;
    }
    const many: Shown[] = Array.from({ length: 100 }, (_, index) => ({ raw: Uint8Array.of(index) }));
    for (const [index, shown] of many.entries()) shown.issuerCertificate = many[index + 1] ?? shown;
    const read = presentedCertificates(
      socketOf({ getPeerCertificate: () => many[0], getPeerX509Certificate: () => many[50] }),
    );
    equal(read.length, 17);
    const [first = { raw: new Uint8Array() }, second = first] = many;
    second.issuerCertificate = first;
    deepEqual(presentedCertificates(socketOf({ getPeerCertificate: () => first })), [first.raw, second.raw]);
  });
});

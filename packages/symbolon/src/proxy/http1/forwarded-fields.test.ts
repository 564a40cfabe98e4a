import { describe, expect, test } from "bun:test";
import {
  clientCertElement,
  type ForwardClientCert,
  forwardedClientCert,
  forwardedProto,
  requestId,
  UUID_LENGTH,
  writeUuid,
} from "./index.ts";

const FACTS = {
  by: "spiffe://cluster.local/ns/foo/sa/httpbin",
  hash: "ab".repeat(32),
  subject: "",
  uri: "spiffe://cluster.local/ns/foo/sa/curl",
};
const ELEMENT = `By=${FACTS.by};Hash=${FACTS.hash};Subject="";URI=${FACTS.uri}`;

describe("x-forwarded-client-cert", () => {
  test("has Envoy's form", () => expect(clientCertElement(FACTS)).toBe(ELEMENT));

  test("values that would end an element or a pair are quoted, quotes escaped (CV-16)", () => {
    expect(clientCertElement({ ...FACTS, uri: "spiffe://a/b,By=x;URI=y" })).toContain('URI="spiffe://a/b,By=x;URI=y"');
    expect(clientCertElement({ ...FACTS, subject: 'CN="a\\",O=b' })).toContain('Subject="CN=\\"a\\\\\\",O=b"');
  });

  test("a value with a control character is not written at all (CV-16)", () => {
    for (const uri of ["spiffe://a/b\r\nX: y", "spiffe://a/\0", "spiffe://a/\u00e9"])
      expect(clientCertElement({ ...FACTS, uri })).toBeUndefined();
  });

  const cases: readonly [ForwardClientCert, readonly string[], string | undefined, string | undefined][] = [
    ["APPEND_FORWARD", [], ELEMENT, ELEMENT],
    ["APPEND_FORWARD", ["URI=a"], ELEMENT, `URI=a,${ELEMENT}`],
    ["APPEND_FORWARD", ["URI=a", "URI=b"], ELEMENT, `URI=a,URI=b,${ELEMENT}`],
    ["APPEND_FORWARD", [""], ELEMENT, ELEMENT],
    ["APPEND_FORWARD", ["URI=forged"], undefined, undefined],
    ["SANITIZE", ["URI=a"], ELEMENT, undefined],
    ["SANITIZE", ["URI=a"], undefined, undefined],
    ["SANITIZE_SET", ["URI=a"], ELEMENT, ELEMENT],
    ["SANITIZE_SET", ["URI=a"], undefined, undefined],
    ["FORWARD_ONLY", ["URI=a"], ELEMENT, "URI=a"],
    ["FORWARD_ONLY", ["URI=a"], undefined, undefined],
    ["ALWAYS_FORWARD_ONLY", ["URI=a"], undefined, "URI=a"],
    ["ALWAYS_FORWARD_ONLY", [], ELEMENT, undefined],
  ];
  test.each(cases)("%s with %p, element %p", (mode, received, element, expected) => {
    expect(forwardedClientCert(mode, received, element) as string | undefined).toBe(expected as string | undefined);
  });
});

describe("x-request-id", () => {
  const create = () => "new";
  test("what came is kept", () =>
    expect(requestId(["6a1f3c8e-6f2f-4f7a-9a53-0c7d2a1fd3b1"], create)).toBe("6a1f3c8e-6f2f-4f7a-9a53-0c7d2a1fd3b1"));
  test.each([[[]], [["a", "b"]], [[""]], [["a b"]], [['{"decision":"allow"}']], [["x".repeat(129)]]])(
    "%p is replaced",
    (received: string[]) => {
      expect(requestId(received, create)).toBe("new");
    },
  );
  test("a new one is a UUID of version 4", () => {
    const uuid = (random: Uint8Array): string => {
      const into = Buffer.alloc(UUID_LENGTH);
      writeUuid(into, 0, random, random.length - 16);
      return into.toString("latin1");
    };
    expect(uuid(new Uint8Array(16).fill(255))).toBe("ffffffff-ffff-4fff-bfff-ffffffffffff");
    expect(uuid(new Uint8Array(16))).toBe("00000000-0000-4000-8000-000000000000");
    const random = Uint8Array.from({ length: 20 }, (_, index) => 16 * (index - 4) + 1);
    expect(uuid(random)).toBe("01112131-4151-4171-8191-a1b1c1d1e1f1");
  });
});

describe("x-forwarded-proto", () => {
  test("a verified peer's word is passed on", () =>
    expect(forwardedProto(["https"], { verified: true, scheme: "http" })).toBe("https"));
  test("anybody else's is not (CV-15)", () =>
    expect(forwardedProto(["https"], { verified: false, scheme: "http" })).toBe("http"));
  test.each([[["HTTPS"]], [["hTTps"]], [["ftp"]], [["https", "http"]], [["https,http"]], [[]]])(
    "%p is no scheme (CV-13)",
    (received: string[]) => {
      expect(forwardedProto(received, { verified: true, scheme: "http" })).toBe("http");
    },
  );
});

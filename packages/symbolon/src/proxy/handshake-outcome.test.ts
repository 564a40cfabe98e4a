import { describe, expect, test } from "bun:test";
import { handshakeCompleted } from "./handshake-outcome.ts";

describe("a handshake is over", () => {
  test("when the runtime says so", () => {
    expect(handshakeCompleted(true, null)).toBe(true);
    expect(handshakeCompleted(true, { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" })).toBe(true);
  });

  test("when all it finds fault with is a chain to roots that are not its own", () => {
    for (const code of ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "SELF_SIGNED_CERT_IN_CHAIN", "CERT_HAS_EXPIRED"])
      expect(handshakeCompleted(false, { code })).toBe(true);
  });

  test("not when the protocol failed, the peer went away, or the code is one we do not know", () => {
    for (const code of ["EPROTO", "ECONNRESET", "ERR_SSL_BAD_SIGNATURE", "", undefined, 5])
      expect(handshakeCompleted(false, { code })).toBe(false);
    expect(handshakeCompleted(false, null)).toBe(false);
    expect(handshakeCompleted(false, undefined)).toBe(false);
  });
});

import { describe, expect, test } from "bun:test";
import { MESH, proxyIdentity } from "../../../../test/fakes/proxy-fixture.ts";
import { createTlsOptionsCache } from "./tls-options.ts";

const identity = () => proxyIdentity(MESH.issue("/ns/foo/sa/web"));

describe("options of a handshake", () => {
  test("ask for a certificate, leave its judgement to us, and allow neither TLS below 1.2 nor a ticket", () => {
    const own = identity();
    const options = createTlsOptionsCache().forProtocols(own, ["istio"]);
    expect(options).toMatchObject({ requestCert: true, rejectUnauthorized: false, minVersion: 0x0303 });
    // OpenSSL's SSL_OP_NO_TICKET.
    expect(options.secureOptions & 0x4000).toBe(0x4000);
    expect(options.cert.toString()).toBe(own.certificateChainPem);
    // The one copy of the key that the identity's owner wipes.
    expect(options.key).toBe(own.privateKeyPem.expose());
    expect(Object.keys(options)).not.toContain("ca");
    expect(Object.keys(options)).not.toContain("session");
  });

  test("have protocol names in their wire form, or no extension at all", () => {
    const cache = createTlsOptionsCache();
    const wire = (...protocols: readonly string[]) => {
      const { ALPNProtocols } = cache.forProtocols(identity(), protocols);
      return ALPNProtocols && Buffer.from(ALPNProtocols).toString("latin1");
    };
    expect(wire("istio")).toBe("\x05istio");
    expect(wire("istio-http/1.1", "istio")).toBe("\x0eistio-http/1.1\x05istio");
    expect(wire()).toBeUndefined();
  });

  test("offer the runtime's key-agreement groups, or those that are named", () => {
    expect(createTlsOptionsCache().forProtocols(identity(), [])).not.toHaveProperty("ecdhCurve");
    expect(createTlsOptionsCache("X25519").forProtocols(identity(), []).ecdhCurve).toBe("X25519");
  });

  test("are made once for an identity and a list of protocols; a new identity has new ones", () => {
    const cache = createTlsOptionsCache();
    const [first, second] = [identity(), identity()];
    const options = cache.forProtocols(first, ["istio"]);
    expect(cache.forProtocols(first, ["istio"])).toBe(options);
    expect(cache.forProtocols(first, ["h2"])).not.toBe(options);
    expect(cache.forProtocols(second, ["istio"]).cert.toString()).toBe(second.certificateChainPem);
    expect(cache.forProtocols(first, ["istio"])).not.toBe(options);
  });
});

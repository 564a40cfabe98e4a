import { afterEach, describe, expect, test } from "bun:test";
import { parseDocument } from "yaml";
import { symbolon } from "../../../../../../test/fakes/command-line.ts";
import { emitYaml } from "../../emit-yaml.ts";
import { type BootstrapFlags, readBootstrapFlags } from "./bootstrap-flags.ts";
import { envoyBootstrap } from "./envoy-bootstrap.ts";

const flags: BootstrapFlags = { inbound: [], accept: [], outbound: [], identity: "default", nodeId: "n" };
const SOCKET = "/run/symbolon/workload.sock";
const settings = (change: Partial<BootstrapFlags>) => readBootstrapFlags({ ...flags, ...change }, SOCKET);
const text = (change: Partial<BootstrapFlags>) => JSON.stringify(envoyBootstrap(settings(change)));

const inbound = ["0.0.0.0:8443=127.0.0.1:8080"];
const outbound = ["127.0.0.1:9001=db.example.org:8443,spiffe://example.org/db"];

describe("what may be written", () => {
  test.each([
    [{}, "nothing to do"],
    [{ inbound }, "--inbound needs to know who may connect"],
    [{ inbound: ["0.0.0.0:8443"], accept: ["any"] }, "is not LISTEN=APPLICATION"],
    [{ inbound: ["localhost:8443=127.0.0.1:8080"], accept: ["any"] }, "listens on an IP address"],
    [{ inbound: ["0.0.0.0:0=127.0.0.1:8080"], accept: ["any"] }, "is not HOST:PORT"],
    [{ inbound: ["0.0.0.0:65536=127.0.0.1:8080"], accept: ["any"] }, "is not HOST:PORT"],
    [{ inbound: ["::1:8443=127.0.0.1:8080"], accept: ["any"] }, "stands in brackets"],
    [{ inbound, accept: ["https://example.org/web"] }, "is no SPIFFE ID"],
    [{ outbound: ["127.0.0.1:9001=db:8443"] }, "is not LISTEN=SERVER,SPIFFE-ID"],
    [{ outbound: ["127.0.0.1:9001=db:8443,spiffe://example.org"] }, "a server is one workload"],
    [{ outbound, socket: "tcp://127.0.0.1:1" }, "neither an absolute path nor unix:///PATH"],
    [{ outbound, tcp: true, http2: true }, "exclude each other"],
    [{ outbound, identity: "ROOTCA" }, "is no SPIFFE ID"],
  ])("%o is refused: %s", (change, why) => {
    expect(() => settings(change)).toThrow(why);
  });

  test.each(["/run/a.sock", "unix:/run/a.sock", "unix:///run/a.sock"])("socket %s", (socket) => {
    expect(settings({ outbound, socket }).socketPath).toBe("/run/a.sock");
  });

  test("an IPv6 address in brackets", () => {
    const { inbound: parsed } = settings({ inbound: ["[::1]:8443=[::1]:8080"], accept: ["any"] });
    expect(parsed[0]?.listen).toEqual({ host: "::1", port: 8443, isName: false });
  });
});

describe("who is believed", () => {
  const bundleAndNames = (accept: readonly string[]) => {
    const found = /"default_validation_context":(.*?),"validation_context_sds_secret_config":\{"name":"(.*?)"/.exec(
      text({ inbound, accept }),
    );
    return [JSON.parse(found?.[1] ?? "null"), found?.[2]];
  };

  test("any: everyone of the own trust domain", () => {
    expect(bundleAndNames(["any"])).toEqual([{}, "ROOTCA"]);
  });

  test("one SPIFFE ID exactly, vouched for by its own trust domain", () => {
    expect(bundleAndNames(["spiffe://abroad.example/web"])).toEqual([
      { match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: "spiffe://abroad.example/web" } }] },
      "spiffe://abroad.example",
    ]);
  });

  test("a whole trust domain, but none whose name only begins alike", () => {
    expect(bundleAndNames(["spiffe://example.org"])[0]).toEqual({
      match_typed_subject_alt_names: [{ san_type: "URI", matcher: { prefix: "spiffe://example.org/" } }],
    });
  });

  test("several trust domains need all bundles", () => {
    expect(bundleAndNames(["spiffe://example.org/a", "spiffe://abroad.example/b"])[1]).toBe("ALL");
  });

  test("a server by its exact SPIFFE ID", () => {
    expect(text({ outbound })).toContain('"matcher":{"exact":"spiffe://example.org/db"}');
  });
});

describe("the command", () => {
  const before = process.env.SPIFFE_ENDPOINT_SOCKET;
  afterEach(() => {
    if (before === undefined) delete process.env.SPIFFE_ENDPOINT_SOCKET;
    else process.env.SPIFFE_ENDPOINT_SOCKET = before;
  });

  test("takes the socket of SPIFFE_ENDPOINT_SOCKET, unless another is given", async () => {
    process.env.SPIFFE_ENDPOINT_SOCKET = "unix:///run/variable.sock";
    const line = ["envoy", "bootstrap", "--outbound", outbound[0] ?? ""];
    expect((await symbolon(...line)).stdout).toContain("path: /run/variable.sock");
    expect((await symbolon(...line, "--socket", "/run/given.sock")).stdout).toContain("path: /run/given.sock");
  });

  test("ends with 64 and prints no half of a configuration when the command line is wrong", async () => {
    const { status, stdout, stderr } = await symbolon("envoy", "bootstrap", "--inbound", inbound[0] ?? "");
    expect([status, stdout]).toEqual([64, ""]);
    expect(stderr).toContain("--accept SPIFFE-ID");
  });
});

test("every TLS context goes up to 1.3 (E5), every secret waits for ever (E6) and asks again soon (E3)", () => {
  const all = text({ inbound, outbound, accept: ["any"] });
  const count = (pattern: string) => all.split(pattern).length - 1;
  expect(count("tls_params")).toBe(2);
  expect(count('"tls_maximum_protocol_version":"TLSv1_3"')).toBe(2);
  expect(count('"sds_config"')).toBe(4);
  expect(count('"initial_fetch_timeout":"0s"')).toBe(4);
  expect(count('"max_interval":"1s"')).toBe(4);
});

test("the printed text reads back as the same configuration", () => {
  const bootstrap = envoyBootstrap(settings({ inbound, outbound, accept: ["any"], admin: "127.0.0.1:9901" }));
  expect(parseDocument(emitYaml(bootstrap)).toJS()).toEqual(JSON.parse(JSON.stringify(bootstrap)));
});

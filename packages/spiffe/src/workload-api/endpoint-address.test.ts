import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { endpointAddressText, parseEndpointAddress } from "./endpoint-address.ts";

describe("an endpoint address (Workload Endpoint §4; spiffe.md §4.1)", () => {
  const accepted: readonly (readonly [string, string])[] = [
    ["unix:///run/agent.sock", "unix:///run/agent.sock"],
    ["unix:/run/agent.sock", "unix:///run/agent.sock"],
    ["unix:///run/a%20b.sock", "unix:///run/a b.sock"],
    [`unix:///${"a".repeat(106)}`, `unix:///${"a".repeat(106)}`],
    ["tcp://127.0.0.1:8000", "tcp://127.0.0.1:8000"],
    ["tcp://[::1]:65535", "tcp://[::1]:65535"],
  ];
  for (const [text, normal] of accepted) {
    test(`${text} is accepted`, () => assert.equal(endpointAddressText(parseEndpointAddress(text)), normal));
  }

  const refused: readonly (readonly [string, string])[] = [
    ["a host", "unix://host/path"],
    ["a host alone", "unix://foo"],
    ["a host that is an escaped slash", "unix://%2Frun/agent.sock"],
    ["a relative path", "unix:relative"],
    ["a relative path that is an escaped slash", "unix:%2Frun/agent.sock"],
    ["nothing", "unix://"],
    ["the root", "unix:///"],
    ["a query", "unix:///run/a.sock?x=1"],
    ["a fragment", "unix:///run/a.sock#x"],
    ["a zero byte", "unix:///run/a%00.sock"],
    ["an escape that is none", "unix:///run/100%.sock"],
    ["a path of 108 bytes", `unix:///${"a".repeat(107)}`],
    ["a bare path", "/tmp/agent.sock"],
    ["another scheme", "npipe:name"],
    ["a host name", "tcp://localhost:1"],
    ["no port", "tcp://1.2.3.4"],
    ["port 0", "tcp://1.2.3.4:0"],
    ["port 65536", "tcp://1.2.3.4:65536"],
    ["a path after a port", "tcp://1.2.3.4:5/p"],
    ["a query after a port", "tcp://1.2.3.4:5?q"],
    ["a fragment after a port", "tcp://1.2.3.4:5#f"],
    ["a user", "tcp://user@1.2.3.4:5"],
    ["an octet of 256", "tcp://1.2.3.256:5"],
    ["an octet with a leading zero", "tcp://1.2.3.04:5"],
    ["IPv6 without brackets", "tcp://::1:5"],
    ["brackets around no IPv6 address", "tcp://[::1::2]:5"],
  ];
  for (const [name, text] of refused) {
    test(`${name} is refused: ${text.slice(0, 40)}`, () =>
      assert.throws(() => parseEndpointAddress(text), { code: "ERR_WORKLOAD_API_ADDRESS_INVALID" }));
  }

  test("none at all says which variable to set", () => {
    for (const text of [undefined, ""]) {
      assert.throws(() => parseEndpointAddress(text), {
        code: "ERR_WORKLOAD_API_ADDRESS_MISSING",
        message: /SPIFFE_ENDPOINT_SOCKET/,
      });
    }
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { blockContains, IpSet, parseIpAddress, parseIpBlock } from "./ip-match.ts";

describe("addresses", () => {
  test("of one value have one form", () => {
    for (const [left, right] of [
      ["10.0.0.1", "::ffff:10.0.0.1"],
      ["10.0.0.1", "::ffff:a00:1"],
      ["::", "0:0:0:0:0:0:0:0"],
      ["fd00::1", "FD00:0:0::0001"],
      ["::1.2.3.4", "::102:304"],
      ["1::", "1:0::0"],
    ] as const)
      assert.deepEqual(parseIpAddress(left), parseIpAddress(right));
  });

  test("that are none are refused", () => {
    for (const text of [
      ...["", "10.0.0", "10.0.0.256", "10.0.0.01", "10.0.0.1.", "10.0.0.1:80", " 10.0.0.1", "0x0a.0.0.1", "1e1.0.0.0"],
      ...[
        ":",
        ":::",
        "1::2::3",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7::8",
        "12345::",
        "g::",
        "::1%eth0",
      ],
      ...["1.2.3.4::", "::1.2.3.4:5", "[::1]", "::1.2.3", "::ffff:10.0.0.01"],
    ])
      assert.equal(parseIpAddress(text), undefined, text);
  });
});

describe("blocks", () => {
  const contains = (block: string, address: string) => {
    const [parsedBlock, parsedAddress] = [parseIpBlock(block), parseIpAddress(address)];
    assert.ok(parsedBlock && parsedAddress);
    const answers = [blockContains(parsedBlock, parsedAddress), new IpSet([parsedBlock]).has(parsedAddress)];
    assert.equal(answers[0], answers[1]);
    return answers[0];
  };

  for (const [block, inside, outside] of [
    ["10.0.0.1", ["10.0.0.1", "::ffff:10.0.0.1"], ["10.0.0.0", "10.0.0.2", "::10.0.0.1"]],
    ["10.0.0.5/30", ["10.0.0.4", "10.0.0.7"], ["10.0.0.3", "10.0.0.8"]],
    ["0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], ["::", "fd00::1"]],
    ["::/0", ["::", "fd00::1"], ["10.0.0.1", "::ffff:10.0.0.1"]],
    ["fd00::/64", ["fd00::", "fd00::ffff:ffff:ffff:ffff"], ["fd00:0:0:1::", "fcff::"]],
    ["::ffff:10.0.0.0/127", ["10.0.0.1"], ["10.0.0.2"]],
    ["255.255.255.255/32", ["255.255.255.255"], ["255.255.255.254"]],
  ] as const)
    test(`${block} has its first and its last address, and not their neighbours`, () => {
      for (const address of inside) assert.ok(contains(block, address), address);
      for (const address of outside) assert.ok(!contains(block, address), address);
    });

  test("that are none are refused", () => {
    for (const text of [
      "10.0.0.0/33",
      "10.0.0.0/",
      "10.0.0.0/-1",
      "10.0.0.0/08",
      "10.0.0.0/8/8",
      "::/129",
      "foo/8",
      "/8",
    ])
      assert.equal(parseIpBlock(text), undefined, text);
  });

  test("in a set overlap, touch and repeat without harm", () => {
    const texts = ["10.0.0.0/24", "10.0.0.128/25", "10.0.1.0/24", "10.0.0.0/24", "10.0.3.0/24", "fd00::/16"];
    const set = new IpSet(texts.flatMap((text) => parseIpBlock(text) ?? []));
    const has = (text: string) => set.has(parseIpAddress(text) ?? assert.fail(text));
    assert.deepEqual(["10.0.0.0", "10.0.1.255", "10.0.3.7", "fd00::1"].map(has), [true, true, true, true]);
    assert.deepEqual(["9.255.255.255", "10.0.2.0", "10.0.4.0", "fd01::"].map(has), [false, false, false, false]);
  });
});

import { expect, test } from "bun:test";
import { isOwnAddress } from "./own-address.ts";

test.each([
  "127.0.0.1",
  "127.255.0.9",
  "0.0.0.0",
  "169.254.1.2",
  "::1",
  "::",
  "::ffff:127.0.0.1",
  "::FFFF:169.254.0.1",
  "fe80::1",
  "FEBF::1",
])("%s is this machine or its link", (address) => {
  expect(isOwnAddress(address)).toBe(true);
});

test.each([
  "128.0.0.1",
  "126.255.255.255",
  "169.253.0.1",
  "169.255.0.1",
  "0.0.0.1",
  "::2",
  "::ffff:10.0.0.1",
  "fec0::1",
])("%s is elsewhere", (address) => {
  expect(isOwnAddress(address)).toBe(false);
});

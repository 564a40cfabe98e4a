export { createFakeClock, type FakeClock } from "./fake-clock.ts";
export { createFakeRandom } from "./fake-random.ts";
export {
  createTestAuthority,
  type IssuedTestCertificate,
  type TestAuthority,
  type TestAuthorityOptions,
  type TestLeafOptions,
} from "./test-authority.ts";

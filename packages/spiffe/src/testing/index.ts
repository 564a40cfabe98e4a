export { createFakeClock, type FakeClock } from "./fake-clock.ts";
export { createFakeRandom } from "./fake-random.ts";
export {
  type FakeCall,
  type FakeMethod,
  type FakeWorkloadApi,
  type FakeWorkloadApiOptions,
  startFakeWorkloadApi,
} from "./fake-workload-api.ts";
export type { FakeFault } from "./fake-workload-api-faults.ts";
export type { FakeWorkloadApiState } from "./fake-workload-api-messages.ts";
export { type HostileLeaf, hostileLeaves } from "./hostile-leaves.ts";
export {
  createTestAuthority,
  type IssuedTestCertificate,
  type TestAuthority,
  type TestAuthorityOptions,
  type TestLeafOptions,
} from "./test-authority.ts";
export { type TestMesh, type TestMeshOptions, testMesh } from "./test-mesh.ts";

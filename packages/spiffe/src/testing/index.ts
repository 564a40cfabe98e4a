export { createFakeClock, type FakeClock } from "./fake-clock.ts";
export { createFakeRandom } from "./fake-random.ts";

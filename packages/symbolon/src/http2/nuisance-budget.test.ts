import { expect, test } from "bun:test";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { NuisanceBudget } from "./nuisance-budget.ts";
import { H2_ERROR } from "./protocol.ts";

test("a thousand at once are within the budget, one more is not, and a hundred come back a second", async () => {
  const clock = createFakeClock();
  const budget = new NuisanceBudget(clock);
  expect(count(() => budget.spend())).toBe(1000);
  await clock.advance(1000);
  expect(count(() => budget.spend())).toBe(100);
});

test("two frames about answers are free with each request and twenty with each DATA frame, before the budget is used", () => {
  const budget = new NuisanceBudget(createFakeClock());
  budget.requestCame();
  budget.dataSent();
  expect(count(() => budget.spendFree())).toBe(22 + 1000);
});

test("what is free for frames about answers is not for others", () => {
  const budget = new NuisanceBudget(createFakeClock());
  budget.dataSent();
  expect(count(() => budget.spend())).toBe(1000);
  expect(count(() => budget.spendFree())).toBe(20);
});

/** How often it may be done. */
function count(spend: () => void): number {
  for (let times = 0; ; times++) {
    try {
      spend();
    } catch (error) {
      expect(error).toMatchObject({ code: H2_ERROR.enhanceYourCalm });
      return times;
    }
  }
}

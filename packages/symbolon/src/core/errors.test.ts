import { describe, expect, test } from "bun:test";
import { POLICY_ERRORS } from "@symbolon/policy";
import { type ErrorInfo, SPIFFE_ERRORS, SymbolonError } from "@symbolon/spiffe/core";
import { errorInfo, PRODUCT_ERRORS } from "./index.ts";

describe("errorInfo", () => {
  test("knows every code of the three catalogues", () => {
    const rows: readonly (readonly [string, ErrorInfo])[] = Object.entries({
      ...SPIFFE_ERRORS,
      ...POLICY_ERRORS,
      ...PRODUCT_ERRORS,
    });
    for (const [code, row] of rows) expect(errorInfo(new SymbolonError(code, "message"))).toEqual(row);
  });

  test("no code is in two catalogues", () => {
    const codes = [SPIFFE_ERRORS, POLICY_ERRORS, PRODUCT_ERRORS].flatMap((catalogue) => Object.keys(catalogue));
    expect(codes.length).toBe(new Set(codes).size);
  });
});

/**
 * The few globals this folder uses, declared here: it runs on Node, Bun, Deno and in browsers, and also type-checks
 * in programs that load no runtime's types (`@symbolon/policy`).
 */
interface RuntimeGlobals {
  readonly performance: { now(): number };
  readonly crypto: { getRandomValues<T extends Uint8Array | Uint32Array>(array: T): T };
  readonly TextEncoder: new () => { encode(text: string): Uint8Array };
  readonly TextDecoder: new (
    encoding: "utf-8",
    options: { readonly fatal: true; readonly ignoreBOM: true },
  ) => { decode(bytes: Uint8Array): string };
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(handle: unknown): void;
  readonly Deno?: { unrefTimer?(handle: unknown): void };
}

export const runtime = globalThis as unknown as RuntimeGlobals;

/** Lets the process end while a timer is pending. Node and Bun hand out objects that can do it, Deno numbers, browsers nothing. */
export function unrefTimer(handle: unknown): void {
  if (typeof handle === "object" && handle !== null && "unref" in handle) (handle as { unref(): void }).unref();
  else runtime.Deno?.unrefTimer?.(handle);
}

/** What an AbortSignal is, without the DOM's types. */
export interface CancelSignal {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

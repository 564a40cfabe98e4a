import type { HttpLimits } from "./http-limits.ts";
import type { Http1Limits } from "./http1/index.ts";
import type { ProxyLimits } from "./ports.ts";

/** Every limit of the proxy has a name of its own, by which its effects are counted (SR-50, docs/reference/limits.md). */
export type LimitName = keyof ProxyLimits | keyof HttpLimits | keyof Http1Limits;

/** Told each time when a limit has had its effect: something was refused, ended or held back because of it. */
export type CountLimit = (name: LimitName) => void;

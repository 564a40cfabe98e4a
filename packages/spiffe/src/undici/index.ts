export { createFetch, createUndiciAgent, type SpiffeFetch, type UndiciAgentOptions } from "./undici-agent.ts";

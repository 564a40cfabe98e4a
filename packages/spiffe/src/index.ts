export { SymbolonError } from "./core/index.ts";

export { builtinModule } from "./builtin-module.ts";

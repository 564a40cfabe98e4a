import { CommandExit, EXIT } from "../../exit-status.ts";
import { parseJsonPathTemplate, type TemplateNode } from "./json-path-parse.ts";

export type GetOutput =
  | { readonly kind: "table"; readonly wide: boolean }
  | { readonly kind: "json" }
  | { readonly kind: "yaml" }
  | { readonly kind: "name" }
  | { readonly kind: "jsonpath"; readonly template: readonly TemplateNode[] };

const JSON_PATH = "jsonpath=";

/** @throws CommandExit with the usage status */
export function parseOutput(text: string | undefined): GetOutput {
  switch (text) {
    case undefined:
      return { kind: "table", wide: false };
    case "wide":
      return { kind: "table", wide: true };
    case "json":
    case "yaml":
    case "name":
      return { kind: text };
  }
  if (text.startsWith(JSON_PATH))
    return { kind: "jsonpath", template: parseJsonPathTemplate(text.slice(JSON_PATH.length)) };
  throw new CommandExit(EXIT.usage, `error: -o "${text}" is not one of wide, json, yaml, name, jsonpath=TEMPLATE`);
}

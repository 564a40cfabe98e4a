import type { DocumentNode } from "@symbolon/policy";
import type { MeshObject, ObjectKey } from "../mesh/index.ts";

/**
 * Who decides about an object. file: a watched manifest; api: `symbolon apply`, from the place given;
 * implicit: the mesh itself, because something refers to it.
 */
export type ObjectOwner =
  | { readonly kind: "file"; readonly file: string; readonly line: number }
  | { readonly kind: "api"; readonly file: string; readonly line: number }
  | { readonly kind: "implicit" };

/** An accepted object. */
export interface StoredObject {
  readonly key: ObjectKey;
  readonly object: MeshObject;
  readonly owner: ObjectOwner;
  /** Absent for implicit objects. */
  readonly node?: DocumentNode;
  readonly identity: ObjectIdentity;
}

/** What the mesh gives an object; kept while the object exists, whoever owns it. */
export interface ObjectIdentity {
  readonly uid: string;
  /** Decides between policies of one scope (istio-security §0.3). */
  readonly createdAt: string;
  readonly generation: number;
}

export function keyText({ kind, namespace, name }: ObjectKey): string {
  return `${kind}/${namespace}/${name}`;
}

export function ownerText(owner: ObjectOwner): string {
  switch (owner.kind) {
    case "file":
      return `${owner.file}:${owner.line}`;
    case "api":
      return `applied from ${owner.file === "-" ? "standard input" : owner.file}:${owner.line}`;
    case "implicit":
      return "made by the mesh";
  }
}

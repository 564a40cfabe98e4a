import type { Labels } from "./object.ts";

/** An object as `kubectl get -o json` shows it: manifest, what the mesh chose for it, and status. */
export interface PresentedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: PresentedMeta;
  readonly spec?: Readonly<Record<string, unknown>>;
  /** Of a ConfigMap. */
  readonly data?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

export interface PresentedMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly resourceVersion: string;
  readonly labels?: Labels;
  readonly annotations?: Labels;
  readonly ownerReferences?: readonly { readonly apiVersion: string; readonly kind: string; readonly name: string }[];
}

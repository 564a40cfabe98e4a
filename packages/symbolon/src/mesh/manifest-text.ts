/** One manifest file, or standard input, as it was read. */
export interface ManifestText {
  /** Path for messages, "-" for standard input. */
  readonly file: string;
  readonly text: string;
  /** Present: the text is no manifest but a bare MeshConfig, as it stands under `mesh` in Istio's ConfigMap. */
  readonly content?: "mesh-config";
}

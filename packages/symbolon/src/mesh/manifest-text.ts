/** One manifest file, or standard input, as it was read. */
export interface ManifestText {
  /** Path for messages, "-" for standard input. */
  readonly file: string;
  readonly text: string;
}

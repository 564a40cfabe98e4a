/** How the audit log names whoever runs a command. */
export function commandLineActor(): string {
  return `command line (uid ${process.getuid?.() ?? "unknown"})`;
}

/** How the audit log names a pod. */
export function podSubject({
  metadata,
}: {
  readonly metadata: { readonly namespace: string; readonly name: string };
}): string {
  return `Pod/${metadata.namespace}/${metadata.name}`;
}

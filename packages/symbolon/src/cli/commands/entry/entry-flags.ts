import type { Command } from "commander";

/** What `create` and `update` may say of an entry; repeated options replace the whole list. */
export interface EntryFlags {
  readonly spiffeId?: string;
  readonly selector?: readonly string[];
  readonly ttl?: string;
  readonly jwtTtl?: string;
  readonly dns?: readonly string[];
  readonly hint?: string;
  readonly federatesWith?: readonly string[];
  /** `false`: `update --no-default`. */
  readonly default?: boolean;
  readonly output?: string;
  readonly dryRun?: boolean;
}

export function addEntryFlags(command: Command): Command {
  const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
  return command
    .option("--selector <type:value>", "what must hold for a process, such as unix:uid:1000; may be repeated", collect)
    .option("--ttl <duration>", "lifetime of its certificates, such as 1h (5s to 2160h; 0 for the mesh's)")
    .option("--jwt-ttl <duration>", "lifetime of its tokens, such as 5m (5s to 24h; 0 for the mesh's)")
    .option("--dns <name>", "DNS name in its certificates; may be repeated", collect)
    .option("--hint <text>", "what the workload should use the identity for, at most 1024 bytes")
    .option("--federates-with <domain>", "trust domain whose bundle its processes get, too; may be repeated", collect)
    .option("--default", "comes first when a process has several identities")
    .option("--dry-run", "only say what would change")
    .option("-o, --output <format>", "print the object: json or yaml");
}

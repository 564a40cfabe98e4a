import type { Clock, Log, Random } from "@symbolon/spiffe/core";
import type { Workload } from "../workload.ts";
import { entitledSecrets } from "./entitled-secrets.ts";
import { createFileSecrets, type SecretFiles } from "./file-secrets.ts";
import type { FoundSecrets, SecretContent, SecretValidator, WantedSecrets } from "./secret-content.ts";
import { isFileSecretName } from "./secret-names.ts";
import { createNobodysAuthority, withdrawBundles } from "./withdrawn-bundles.ts";

/** All that one stream of a workload may be given, whatever it comes from. */
export interface SecretSource {
  /** The state of now; names that were asked for before and are not any more are forgotten. */
  find(wanted: WantedSecrets, validator: SecretValidator): FoundSecrets;
  /** The proxy has something of these names, from here or from before it connected. */
  remember(names: Iterable<string>): void;
  close(): void;
}

export interface SecretSourceOptions {
  readonly workload: Pick<Workload, "entitlement" | "subscribe">;
  /** As the workload's process sees them. */
  readonly files: SecretFiles;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What `find` answers may have changed. */
  readonly changed: () => void;
}

export function createSecretSource(options: SecretSourceOptions): SecretSource {
  const { workload, files, clock, random, log, changed } = options;
  const fileSecrets = createFileSecrets({ files, clock, log, changed });
  const held = new Set<string>();
  let nobodys: string | undefined;
  const nobodysPem = (): string => {
    nobodys ??= createNobodysAuthority(clock, random);
    return nobodys;
  };
  const unsubscribe = workload.subscribe(changed);
  return {
    find(wanted, validator) {
      const entitlement = workload.entitlement();
      // Files belong to nobody's identity: they are named or not given.
      if (wanted === "everything") return entitledSecrets(entitlement, wanted, validator);
      const ofFiles = [...wanted].filter(isFileSecretName);
      fileSecrets.keepOnly(new Set(ofFiles));
      const others = new Set([...wanted].filter((name) => !isFileSecretName(name)));
      for (const name of held) if (!wanted.has(name)) held.delete(name);
      const offered = entitledSecrets(entitlement, others, validator);
      const found = withdrawBundles(offered, entitlement, held, validator, nobodysPem);
      const secrets = new Map<string, SecretContent>(found.secrets);
      const pending = [...found.pending];
      const missing = new Map(found.missing);
      for (const name of ofFiles) {
        const file = fileSecrets.get(name);
        if (file.kind === "found") secrets.set(name, file.content);
        else if (file.kind === "pending") pending.push(name);
        else missing.set(name, file.reason);
      }
      return { secrets, pending, missing };
    },
    remember(names) {
      for (const name of names) held.add(name);
    },
    close() {
      unsubscribe();
      fileSecrets.close();
    },
  };
}

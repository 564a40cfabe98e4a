import { readFile } from "node:fs/promises";
import { runCommand } from "./run-command.ts";

/** Names of users and groups; undefined for an id without a name. */
export interface AccountNames {
  user(uid: number): Promise<string | undefined>;
  group(gid: number): Promise<string | undefined>;
}

/** From the system's files, and by `getent` from what else it is set up to ask (LDAP, SSSD, systemd). */
export const accountNames: AccountNames = {
  user: (uid) => nameOf("passwd", uid),
  group: (gid) => nameOf("group", gid),
};

async function nameOf(database: "passwd" | "group", id: number): Promise<string | undefined> {
  const local = findName(await textOf(`/etc/${database}`), id);
  if (local !== undefined) return local;
  try {
    const { status, stdout } = await runCommand(["getent", database, `${id}`], { timeoutMs: 2000 });
    return status === 0 ? findName(stdout, id) : undefined;
  } catch {
    return undefined;
  }
}

/** passwd(5), group(5): `name:password:id:...`; the first line counts. */
export function findName(text: string, id: number): string | undefined {
  for (const line of text.split("\n")) {
    const [name, , number] = line.split(":");
    if (name && number === `${id}`) return name;
  }
  return undefined;
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return "";
  }
}

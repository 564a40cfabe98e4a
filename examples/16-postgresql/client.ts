import { createX509Source } from "@symbolon/spiffe/source";
import { allow, clientTlsOptions } from "@symbolon/spiffe/tls";
import pg from "pg";

const source = await createX509Source();
const [, , server = source.spiffeId.toString(), host = "localhost", port = "5432"] = process.argv;
// Read anew for each connection: a pool goes on with new certificates.
const ssl = clientTlsOptions(source, { allow: allow.id(server) });
const pool = new pg.Pool({ host, port: Number(port), user: "web", database: "postgres", ssl });
const { rows } = await pool.query(
  "select current_user as user, client_serial::text as serial, version from pg_stat_ssl where pid = pg_backend_pid()",
);
console.log(rows[0], `ours: ${source.svid.serialNumber}`);
await pool.end();
await source.close();

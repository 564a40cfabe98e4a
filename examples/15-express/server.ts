import { createX509Source } from "@symbolon/spiffe/source";
import { allow, createHttpsServer, peerOf } from "@symbolon/spiffe/tls";
import express, { type RequestHandler } from "express";

const source = await createX509Source({ keepAlive: true });
const [, , admin = source.spiffeId.toString(), port = "8443"] = process.argv;

/** 403 for everybody but this ID. */
const only =
  (id: string): RequestHandler =>
  (req, res, next) => {
    const caller = peerOf(req).spiffeId.toString();
    if (caller === id) next();
    else res.status(403).send(`${caller} may not ${req.method} ${req.path}\n`);
  };

const app = express();
app.get("/orders", (req, res) => {
  res.send(`orders for ${peerOf(req).spiffeId}\n`);
});
app.delete("/orders", only(admin), (_req, res) => {
  res.send("deleted\n");
});

const everyone = { allow: allow.memberOf(source.spiffeId.trustDomain) };
const server = createHttpsServer(source, everyone, app);
console.log(`https://localhost:${(await server.listen(Number(port))).port}/orders; DELETE is for ${admin}`);

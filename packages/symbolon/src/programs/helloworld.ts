import { hostname } from "node:os";
import { requestUrl, sendText } from "./http-answer.ts";
import { type Program, parsePort } from "./program.ts";
import { serveHttp } from "./serve-http.ts";

/** `helloworld VERSION PORT`: Istio's examples-helloworld. */
export const helloworld: Program = async (args, io) => {
  const [version, portText] = args;
  const port = parsePort(portText);
  if (version === undefined || port === undefined) {
    io.stderr.write("helloworld: usage: helloworld VERSION PORT\n");
    return 2;
  }
  const answers: Readonly<Record<string, string>> = {
    "/hello": `Hello version: ${version}, instance: ${process.env.HOSTNAME ?? hostname()}\n`,
    "/health": "Helloworld is healthy\n",
  };
  return serveHttp(
    "helloworld",
    port,
    (request, response) => {
      const text = answers[requestUrl(request).pathname];
      if (text === undefined) sendText(response, 404, "not found\n");
      else sendText(response, 200, text);
    },
    io,
  );
};

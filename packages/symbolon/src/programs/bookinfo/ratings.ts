import { requestUrl, sendJson } from "../http-answer.ts";
import { type Program, parsePort } from "../program.ts";
import { serveHttp } from "../serve-http.ts";

/** `bookinfo-ratings PORT`: stars that reviewers gave. */
export const ratings: Program = async (args, io) => {
  const port = parsePort(args[0]);
  if (port === undefined) {
    io.stderr.write("bookinfo-ratings: usage: bookinfo-ratings PORT\n");
    return 2;
  }
  return serveHttp(
    "bookinfo-ratings",
    port,
    (request, response) => {
      const { pathname } = requestUrl(request);
      if (pathname === "/health") return sendJson(response, 200, { status: "Ratings is healthy" });
      const id = /^\/ratings\/(\d{1,9})$/.exec(pathname)?.[1];
      if (id === undefined) return sendJson(response, 400, { error: "please provide numeric product ID" });
      sendJson(response, 200, { id: Number(id), ratings: { Reviewer1: 5, Reviewer2: 4 } });
    },
    io,
  );
};

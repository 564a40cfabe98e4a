import { hostname } from "node:os";
import { requestUrl, sendJson } from "../http-answer.ts";
import { type Program, parsePort } from "../program.ts";
import { serveHttp } from "../serve-http.ts";
import { askUpstream } from "./upstream.ts";

const RATINGS = { hostnameVariable: "RATINGS_HOSTNAME", hostname: "ratings" };
/** v1 knows no stars, v2 and v3 ask for them. */
const COLORS: Readonly<Record<string, string | undefined>> = { v1: undefined, v2: "black", v3: "red" };
const REVIEWS = [
  { reviewer: "Reviewer1", text: "The scenes in the wood alone are worth the evening." },
  { reviewer: "Reviewer2", text: "A play of errors and dreams; lighter than the tragedies, and no worse for it." },
];

/** `bookinfo-reviews VERSION PORT` */
export const reviews: Program = async (args, io) => {
  const [version = "", portText] = args;
  const port = parsePort(portText);
  if (!Object.hasOwn(COLORS, version) || port === undefined) {
    io.stderr.write("bookinfo-reviews: usage: bookinfo-reviews v1|v2|v3 PORT\n");
    return 2;
  }
  const color = COLORS[version];
  return serveHttp(
    "bookinfo-reviews",
    port,
    async (request, response) => {
      const { pathname } = requestUrl(request);
      if (pathname === "/health") return sendJson(response, 200, { status: "Reviews is healthy" });
      const id = /^\/reviews\/(\d{1,9})$/.exec(pathname)?.[1];
      if (id === undefined) return sendJson(response, 400, { error: "please provide numeric product ID" });
      const stars = color === undefined ? undefined : await askUpstream(RATINGS, `/ratings/${id}`, request);
      const rated = stars?.ok ? ((stars.value as { ratings?: Record<string, number> }).ratings ?? {}) : {};
      const ratingOf = (reviewer: string) => {
        if (stars === undefined) return {};
        return {
          rating: stars.ok ? { stars: rated[reviewer], color } : { error: "Ratings service is currently unavailable" },
        };
      };
      sendJson(response, 200, {
        id,
        podname: process.env.HOSTNAME ?? hostname(),
        clustername: "null",
        reviews: REVIEWS.map((review) => ({ ...review, ...ratingOf(review.reviewer) })),
      });
    },
    io,
  );
};

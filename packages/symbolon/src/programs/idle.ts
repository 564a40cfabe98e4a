import { type Program, untilEnded } from "./program.ts";

/** Does nothing until it is told to end: a place to `exec` from. */
export const idle: Program = async (_args, io) => {
  await untilEnded(io);
  return 0;
};

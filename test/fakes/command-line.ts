import { spyOn } from "bun:test";
import { main } from "../../packages/symbolon/src/cli/main.ts";

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line of `symbolon` in this process, and gives what it has said. */
export async function symbolon(...argv: readonly string[]): Promise<CommandResult> {
  const said = { stderr: "", stdout: "" };
  const to = (stream: keyof typeof said) => (text: unknown) => {
    said[stream] += String(text);
    return true;
  };
  const line = (stream: keyof typeof said) => (text: unknown) => void to(stream)(`${text}\n`);
  const spies = [
    spyOn(console, "error").mockImplementation(line("stderr")),
    spyOn(console, "log").mockImplementation(line("stdout")),
    spyOn(process.stderr, "write").mockImplementation(to("stderr")),
    spyOn(process.stdout, "write").mockImplementation(to("stdout")),
  ];
  process.exitCode = 0;
  try {
    await main(argv);
    return { status: Number(process.exitCode), ...said };
  } finally {
    process.exitCode = 0;
    for (const spy of spies) spy.mockRestore();
  }
}

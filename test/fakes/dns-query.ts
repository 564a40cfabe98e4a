/** A DNS query as a stub resolver sends it, or a little wrong. */
export function dnsQuery(
  name: string,
  options: {
    readonly type?: number;
    readonly id?: number;
    readonly flags?: number;
    readonly class?: number;
    /** Longest answer over UDP, in an OPT record. */
    readonly edns?: number;
    /** Instead of the parts of `name`. */
    readonly labels?: readonly Buffer[];
  } = {},
): Buffer {
  const { type = 1, id = 0x1234, flags = 0x0100, class: dnsClass = 1, edns } = options;
  const labels =
    options.labels ??
    name
      .split(".")
      .filter(Boolean)
      .map((label) => Buffer.from(label));
  return Buffer.concat([
    numbers(id, flags, 1, 0, 0, edns === undefined ? 0 : 1),
    ...labels.flatMap((label) => [Buffer.from([label.length]), label]),
    Buffer.from([0]),
    numbers(type, dnsClass),
    ...(edns === undefined ? [] : [Buffer.from([0]), numbers(41, edns, 0, 0, 0)]),
  ]);
}

function numbers(...values: readonly number[]): Buffer {
  return Buffer.from(values.flatMap((value) => [value >> 8, value & 255]));
}

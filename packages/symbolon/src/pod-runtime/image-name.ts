/** A container image's name in full form: "docker.io/library/httpbin", without tag and digest. */
export interface ImageName {
  readonly repository: string;
  readonly tag?: string;
}

/** Docker's rules: no registry means docker.io, no folder there means library. */
export function parseImageName(image: string): ImageName {
  const [named = ""] = image.split("@");
  const colon = named.lastIndexOf(":");
  // A ":" before the last "/" belongs to a registry's port.
  const tagged = colon > named.lastIndexOf("/");
  const name = tagged ? named.slice(0, colon) : named;
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const hasRegistry = first.includes(".") || first.includes(":") || first === "localhost";
  const path = slash < 0 ? `library/${name}` : name;
  return {
    repository: hasRegistry ? name : `docker.io/${path}`,
    ...(tagged ? { tag: named.slice(colon + 1) } : {}),
  };
}

/** `pattern`: an image's name, in which "*" stands for any characters. Its tag, if it has one, must be the image's. */
export function imageMatches(pattern: string, image: string): boolean {
  const wanted = pattern.startsWith("*") ? starPattern(pattern) : parseImageName(pattern);
  const actual = parseImageName(image);
  if (wanted.tag !== undefined && !globMatches(wanted.tag, actual.tag ?? "latest")) return false;
  return globMatches(wanted.repository, actual.repository);
}

function starPattern(pattern: string): ImageName {
  const colon = pattern.lastIndexOf(":");
  if (colon <= pattern.lastIndexOf("/")) return { repository: pattern };
  return { repository: pattern.slice(0, colon), tag: pattern.slice(colon + 1) };
}

/** Linear in the text for each "*": no regular expression is built from what a user wrote. */
function globMatches(pattern: string, text: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  if (rest.length === 0) return pattern === text;
  if (!text.startsWith(first)) return false;
  const last = rest.pop() ?? "";
  let position = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, position);
    if (found < 0) return false;
    position = found + part.length;
  }
  return text.length - last.length >= position && text.endsWith(last);
}

/** Limits of HTTP/1.1 messages: the one table (SR-50). Each is tested at the limit and one above. */
export interface Http1Limits {
  /** Request target; above it 414. */
  readonly targetBytes: number;
  /** Field lines of a head, with their line ends; above it 431. Envoy's default. */
  readonly headerBytes: number;
  /** Field lines of a head; above it 431. */
  readonly headerLines: number;
  /** Field lines after the last chunk, with their line ends; above it 431. */
  readonly trailerBytes: number;
  readonly trailerLines: number;
  /** Reason phrase of a response, which nobody reads. */
  readonly reasonBytes: number;
  /** CRLF that old clients send after a body and before the next request (RFC 9112 §2.2). */
  readonly leadingEmptyLines: number;
  /** Digits of a Content-Length; leading zeros count. */
  readonly contentLengthDigits: number;
  /** Hexadecimal digits of a chunk size; leading zeros count. */
  readonly chunkSizeDigits: number;
  /** One chunk header: size and extensions. */
  readonly chunkHeaderBytes: number;
  /** Chunk extensions of a whole message: nobody uses them, and they can be most of its bytes (CVE-2024-22019). */
  readonly chunkExtensionBytes: number;
  /** Content of a message, streamed and never collected; above it 413. */
  readonly bodyBytes: number;
}

export const HTTP1_LIMITS: Http1Limits = {
  targetBytes: 8 * 1024,
  headerBytes: 60 * 1024,
  headerLines: 100,
  trailerBytes: 8 * 1024,
  trailerLines: 20,
  reasonBytes: 1024,
  leadingEmptyLines: 4,
  contentLengthDigits: 18,
  chunkSizeDigits: 16,
  chunkHeaderBytes: 1024,
  chunkExtensionBytes: 16 * 1024,
  bodyBytes: Number.MAX_SAFE_INTEGER,
};

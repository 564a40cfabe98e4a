/**
 * One push on the way at a time. grpc-js keeps what a slow reader does not read without limit (E9): whatever changes until
 * the reader has answered goes out afterwards, as one push of the newest state.
 */
export class PushGate {
  readonly #push: () => string | undefined;
  #latest = "";
  #underWay = false;

  /** @param push sends what is new, and answers its nonce; sends nothing and answers undefined when nothing is new */
  constructor(push: () => string | undefined) {
    this.#push = push;
  }

  /** Something may be new. */
  open(): void {
    if (this.#underWay) return;
    const nonce = this.#push();
    if (nonce === undefined) return;
    this.#latest = nonce;
    this.#underWay = true;
  }

  /**
   * @param nonce of a request: that of the push which it accepts or refuses, empty when it is about none
   * @returns false for a request about an earlier push: another one about the latest is on its way
   */
  accepts(nonce: string): boolean {
    if (nonce === "") return true;
    if (nonce !== this.#latest) return false;
    this.#underWay = false;
    return true;
  }
}

import type { RequestAttributes } from "../attributes.ts";
import type { Decision } from "./decision.ts";
import { PATH_REFUSED } from "./decision-table.ts";
import { once } from "./once.ts";
import type { PreparedView } from "./prepared-view.ts";
import type { RequestFacts } from "./request-facts.ts";

/**
 * What a workload's policies say of one connection. Keep it with the connection and ask it for each request; without a
 * request it decides the connection itself, as TCP (istio-security §3.9). It belongs to the policies it came from: when
 * they change, make a new one.
 */
export class AuthorizedConnection {
  readonly #http: () => PreparedView;
  readonly #tcp: () => PreparedView;
  readonly #request: RequestFacts;

  constructor(http: () => PreparedView, tcp: () => PreparedView, request: RequestFacts) {
    this.#http = once(http);
    this.#tcp = once(tcp);
    this.#request = request;
  }

  /** The order of istio-security §3.3: CUSTOM, (AUDIT,) DENY, ALLOW. */
  decide(request?: RequestAttributes): Decision {
    const facts = request === undefined ? undefined : this.#request;
    if (request !== undefined && !this.#request.fill(request)) return PATH_REFUSED;
    const view = facts ? this.#http() : this.#tcp();
    return view.decideCustom(facts) ?? view.decideEnforced(facts);
  }

  /**
   * The rest of a decision whose outcome was "ask_provider", when every provider agreed. Only now need a request carry
   * the claims of its token: CUSTOM runs before tokens are verified.
   */
  decideAfterProviders(request?: RequestAttributes): Decision {
    const facts = request === undefined ? undefined : this.#request;
    if (request !== undefined && !this.#request.fill(request)) return PATH_REFUSED;
    return (facts ? this.#http() : this.#tcp()).decideEnforced(facts);
  }
}

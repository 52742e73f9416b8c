import { type Challenge, parseChallenges } from "./challenge.ts";
import { basicValue, type Credentials } from "./credentials.ts";
import { hostLabel, type RegistryHost } from "./registry-host.ts";
import { fetchToken, type TokenDeps } from "./token.ts";

export interface ReceivedChallenge {
  readonly host: RegistryHost;
  /** The URL that was refused: on the host itself, or where it redirected to. */
  readonly url: URL;
  /** The Authorization header that was refused. */
  readonly used: string | undefined;
  readonly header: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * The Authorization headers of one session. Each belongs to a host and the origin that asked for it and goes nowhere
 * else; credentials leave only for the registry itself (T1.01).
 */
export class Authorizations {
  readonly #domain: string;
  readonly #scope: string;
  readonly #actions: string;
  readonly #credentials: Credentials | undefined;
  readonly #deps: TokenDeps;
  readonly #headers = new Map<string, string>();
  readonly #pending = new Map<string, Promise<string>>();

  constructor(parts: {
    readonly domain: string;
    readonly repository: string;
    /** `pull`, or `pull,push`. */
    readonly actions: string;
    readonly credentials: Credentials | undefined;
    readonly deps: TokenDeps;
  }) {
    this.#domain = parts.domain;
    this.#actions = parts.actions;
    this.#scope = `repository:${parts.repository}:${parts.actions}`;
    this.#credentials = parts.credentials;
    this.#deps = parts.deps;
  }

  hasCredentials(host: RegistryHost): boolean {
    return this.#credentialsFor(host) !== undefined;
  }

  /** The header to send to `url` when it is reached on behalf of `host`. */
  header(host: RegistryHost, url: URL): string | undefined {
    const known = this.#headers.get(keyOf(host, url));
    if (known !== undefined) return known;
    const secret = url.origin === host.origin ? this.#credentialsFor(host)?.reveal() : undefined;
    return secret?.kind === "registry" ? `Bearer ${secret.token}` : undefined;
  }

  /** Gets a better header; false when there is none to be had. */
  async answer(challenge: ReceivedChallenge): Promise<boolean> {
    const key = keyOf(challenge.host, challenge.url);
    const known = this.#headers.get(key);
    // another request of this session has refreshed it in the meantime
    if (known !== undefined && known !== challenge.used) return true;
    const value = await this.#obtain(challenge, key);
    if (value === undefined || value === challenge.used) return false;
    this.#headers.set(key, value);
    return true;
  }

  async #obtain(received: ReceivedChallenge, key: string): Promise<string | undefined> {
    const challenges = parseChallenges(received.header);
    const credentials = received.url.origin === received.host.origin ? this.#credentialsFor(received.host) : undefined;
    const secret = credentials?.reveal();
    if (secret?.kind === "registry") return undefined;
    const bearer = challenges.find((challenge) => challenge.scheme === "bearer");
    if (bearer !== undefined) return await this.#bearer(bearer, { received, credentials, key });
    if (secret?.kind !== "basic" || !challenges.some((challenge) => challenge.scheme === "basic")) return undefined;
    return `Basic ${basicValue(secret.username, secret.password)}`;
  }

  async #bearer(
    challenge: Challenge,
    parts: { received: ReceivedChallenge; credentials: Credentials | undefined; key: string },
  ): Promise<string> {
    const { received, credentials, key } = parts;
    const isHost = received.url.origin === received.host.origin;
    const pending =
      this.#pending.get(key) ??
      fetchToken(
        {
          parameters: challenge.parameters,
          registry: received.url,
          scope: this.#narrow(challenge.parameters.get("scope")),
          credentials,
          tls: isHost ? received.host.tls : { skipVerify: false, ca: received.host.tls.ca, client: [] },
          signal: received.signal,
        },
        this.#deps,
      ).finally(() => this.#pending.delete(key));
    this.#pending.set(key, pending);
    return `Bearer ${await pending}`;
  }

  /** The repositories that a challenge names (a mirror's differ from ours), with no more rights than we need. */
  #narrow(scope: string | undefined): string {
    const wanted = (scope ?? "")
      .slice(0, 1024)
      .split(" ")
      .flatMap((item) => {
        const [type, name, actions] = item.split(":");
        return type === "repository" && name !== undefined && name !== "" && actions !== undefined
          ? [`repository:${name}:${this.#actions}`]
          : [];
      });
    return wanted.length === 0 ? this.#scope : wanted.join(" ");
  }

  #credentialsFor(host: RegistryHost): Credentials | undefined {
    const label = hostLabel(host);
    const mayHave = host.isRegistry ? this.#credentials?.areFor(this.#domain, label) : this.#credentials?.name(label);
    return mayHave === true ? this.#credentials : undefined;
  }
}

function keyOf(host: RegistryHost, url: URL): string {
  return `${host.origin} ${url.origin}`;
}

import { failedPrecondition, quote } from "@keelson/cri-api/errors";

/** What may be reached beyond a registry's own hosts. Origins are exact: `https://auth.example:8443`. */
export interface OriginPolicy {
  /** Token servers of another domain that may have a pull's credentials. */
  readonly tokenOrigins: ReadonlySet<string>;
  /** Origins that may be reached by plain HTTP through a redirect or a token realm. */
  readonly plainOrigins: ReadonlySet<string>;
}

/**
 * Domains below which anybody gets a name: two hosts there are strangers. Not complete and not to be trusted alone: the
 * shared part must have a label of its own besides.
 */
const sharedDomains = new Set(
  "amazonaws.com azurecr.io azure.com azurewebsites.net cloudapp.net cloudfront.net appspot.com run.app pkg.dev gcr.io github.io gitlab.io herokuapp.com ngrok.io ngrok.app nip.io sslip.io duckdns.org onrender.com fly.dev vercel.app netlify.app workers.dev pages.dev digitaloceanspaces.com ondigitalocean.app scw.cloud ovh.net linodeobjects.com windows.net googleusercontent.com githubusercontent.com".split(
    " ",
  ),
);

const secondLevel = new Set("ac co com edu go gob gov gouv govt mil ne net nom or org sch".split(" "));

/**
 * The part that one owner holds: `docker.io` of `registry-1.docker.io`; the whole name where that can't be told (country
 * codes with a second level, domains below which anybody gets a name). Undefined for addresses and single labels,
 * where another port may well be another owner.
 */
export function registrableDomain(hostname: string): string | undefined {
  const labels = hostname.split(".");
  const last = labels.at(-1) ?? "";
  if (labels.length < 2 || hostname.startsWith("[") || /^[0-9]+$/.test(last)) return undefined;
  const wide = last.length === 2 && secondLevel.has(labels.at(-2) ?? "") ? 3 : 2;
  const domain = labels.slice(-wide).join(".");
  return sharedDomains.has(domain) || labels.length < wide ? hostname : domain;
}

/** ASCII letters, digits, dashes and dots, or an address in brackets; checked before a name reaches DNS. */
export function isPlainHost(hostname: string): boolean {
  return /^[a-z0-9.-]{1,253}$/.test(hostname) || /^\[[0-9a-f:.]{2,64}\]$/.test(hostname);
}

/**
 * Where a registry may send us: an absolute URL of the same or a stronger scheme. Plain HTTP only to the very origin
 * that is configured so, or one that the policy names.
 * @throws FAILED_PRECONDITION
 */
export function checkTarget(
  location: string,
  from: URL,
  { policy, what }: { readonly policy: OriginPolicy; readonly what: string },
): URL {
  const target = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  const refuse = (why: string, hint: string) => failedPrecondition(`${what} of ${quote(from.host)}: ${why}`, { hint });
  if (target === undefined) throw refuse("it is not a URL", "the registry is faulty");
  const origin = target.origin;
  if (target.protocol !== "https:" && target.protocol !== "http:")
    throw refuse("it is not HTTP", "the registry is faulty");
  if (target.username !== "" || target.password !== "") throw refuse("it holds credentials", "the registry is faulty");
  if (!isPlainHost(target.hostname))
    throw refuse(`${quote(target.hostname)} is not a host name`, "the registry is faulty");
  if (target.protocol === "http:" && origin !== from.origin && !policy.plainOrigins.has(origin)) {
    throw refuse(
      `it leads to plain HTTP at ${quote(target.host)}, which is not configured`,
      `use HTTPS there, or name ${quote(origin)} among the plain origins`,
    );
  }
  target.hash = "";
  return target;
}

/** Whether a token server may see the credentials of the registry at `registry`. */
export function mayHaveCredentials(realm: URL, registry: URL, policy: OriginPolicy): boolean {
  if (realm.origin === registry.origin || policy.tokenOrigins.has(realm.origin)) return true;
  const domain = registrableDomain(realm.hostname);
  return realm.protocol === "https:" && domain !== undefined && domain === registrableDomain(registry.hostname);
}

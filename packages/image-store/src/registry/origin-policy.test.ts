import { describe, expect, it } from "vitest";
import { checkTarget, isPlainHost, mayHaveCredentials, registrableDomain } from "./origin-policy.ts";

const policy = {
  tokenOrigins: new Set(["https://login.other.example"]),
  plainOrigins: new Set(["http://10.0.0.1:8080"]),
};

describe("registrableDomain()", () => {
  it.each([
    ["registry-1.docker.io", "docker.io"],
    ["auth.docker.io", "docker.io"],
    ["ghcr.io", "ghcr.io"],
    ["a.b.registry.gitlab.com", "gitlab.com"],
    ["registry.firm.co.uk", "firm.co.uk"],
    ["firm.co.uk", "firm.co.uk"],
    ["co.uk", "co.uk"],
    ["one.azurecr.io", "one.azurecr.io"],
    ["1.dkr.ecr.eu-west-1.amazonaws.com", "1.dkr.ecr.eu-west-1.amazonaws.com"],
    ["localhost", undefined],
    ["127.0.0.1", undefined],
    ["[::1]", undefined],
  ])("of %s is %s", (host, domain) => {
    expect(registrableDomain(host)).toBe(domain);
  });
});

describe("mayHaveCredentials()", () => {
  it.each([
    ["https://auth.docker.io/token", "https://registry-1.docker.io", true],
    ["https://gitlab.com/jwt/auth", "https://registry.gitlab.com", true],
    ["https://ghcr.io:444/token", "https://ghcr.io", true],
    ["http://auth.docker.io/token", "https://registry-1.docker.io", false],
    ["https://auth.docker.io.evil.example/token", "https://registry-1.docker.io", false],
    ["https://evil.io/token", "https://registry-1.docker.io", false],
    ["https://two.azurecr.io/token", "https://one.azurecr.io", false],
    ["https://other.co.uk/token", "https://firm.co.uk", false],
    ["https://127.0.0.1:5001/token", "https://127.0.0.1:5000", false],
    ["http://127.0.0.1:5000/token", "http://127.0.0.1:5000", true],
    ["https://login.other.example/token", "https://registry.example", true],
    ["https://login.other.example:8443/token", "https://registry.example", false],
  ])("T1.01 %s for %s: %s", (realm, registry, expected) => {
    expect(mayHaveCredentials(new URL(realm), new URL(registry), policy)).toBe(expected);
  });
});

describe("checkTarget()", () => {
  const target = (location: string, from: string) =>
    checkTarget(location, new URL(from), { policy, what: "redirect" }).href;

  it.each([
    ["/v2/x", "https://r.example", "https://r.example/v2/x"],
    ["https://cdn.example/x?sig=1#frag", "https://r.example", "https://cdn.example/x?sig=1"],
    ["https://cdn.example/x", "http://r.example", "https://cdn.example/x"],
    ["/v2/x", "http://r.example:5000", "http://r.example:5000/v2/x"],
    ["http://10.0.0.1:8080/x", "https://r.example", "http://10.0.0.1:8080/x"],
    ["https://bücher.example/", "https://r.example", "https://xn--bcher-kva.example/"],
  ])("leads by %s from %s to %s", (location, from, to) => {
    expect(target(location, from)).toBe(to);
  });

  it.each([
    ["http://r.example/x", "https://r.example", "plain HTTP"],
    ["http://r.example:5001/x", "http://r.example:5000", "plain HTTP"],
    ["http://169.254.169.254/latest", "http://r.example:5000", "plain HTTP"],
    ["http://10.0.0.1:8081/x", "https://r.example", "plain HTTP"],
    ["https://u:p@r.example/x", "https://r.example", "credentials"],
    ["https://@r_example/x", "https://r.example", "not a host name"],
    ["file:///etc/passwd", "https://r.example", "not HTTP"],
    ["data:text/plain,x", "https://r.example", "not HTTP"],
    ["https://a b/", "https://r.example", "not a URL"],
    ["https://a%00.example/", "https://r.example", "not a URL"],
    ["https://[::1%25eth0]/", "https://r.example", "not a URL"],
  ])("T1.01 T1.02 refuses %s from %s: %s", (location, from, why) => {
    expect(() => target(location, from)).toThrow(why);
  });
});

describe("isPlainHost()", () => {
  it.each(["r\u3002example", "r\u00adexample", "a_b", "a\0b", "a b", "", "a/b", "[::1%eth0]", "\u0430.example"])(
    "T1.03 refuses %j",
    (host) => {
      expect(isPlainHost(host)).toBe(false);
    },
  );
});

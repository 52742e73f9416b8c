import { isCriError } from "@keelson/cri-api/errors";
import { describe, expect, it } from "vitest";
import { parseHostsFile } from "./hosts-file.ts";

const problemsOf = (text: string): string => {
  try {
    parseHostsFile(text, "/etc/certs.d/r.example/hosts.toml");
  } catch (error) {
    if (isCriError(error, "FAILED_PRECONDITION")) return error.message;
    throw error;
  }
  return "";
};

describe("parseHostsFile()", () => {
  it("reads everything that containerd's documentation names, in the file's order", () => {
    const text = `
      server = "https://registry-1.docker.io"
      capabilities = ["pull"]
      [host."http://127.0.0.1:5000"]
        capabilities = ["pull", "Resolve"]
        skip_verify = true
        ca = "a.pem"
        client = "both.pem"
        dial_timeout = "3s"
      [host."https://mirror.example/v2/proxy"]
        override_path = true
        ca = ["a.pem", "/b.pem"]
        client = [["c.pem", "c.key"], "d.pem"]
        [host."https://mirror.example/v2/proxy".header]
          x-one = "1"
          X-Two = ["2", "3"]
      [host.plain-name]
    `;
    const file = parseHostsFile(text, "hosts.toml");
    expect(file.server).toMatchObject({
      url: new URL("https://registry-1.docker.io"),
      capabilities: new Set(["pull"]),
    });
    expect(file.hosts.map((host) => host.url?.href)).toEqual([
      "http://127.0.0.1:5000/",
      "https://mirror.example/v2/proxy",
      "https://plain-name/",
    ]);
    expect(file.hosts[0]).toMatchObject({
      capabilities: new Set(["pull", "resolve"]),
      skipVerify: true,
      ca: ["a.pem"],
      client: [{ cert: "both.pem", key: "both.pem" }],
      dialTimeoutMs: 3000,
    });
    expect(file.hosts[1]).toMatchObject({
      overridePath: true,
      ca: ["a.pem", "/b.pem"],
      client: [
        { cert: "c.pem", key: "c.key" },
        { cert: "d.pem", key: "d.pem" },
      ],
      headers: new Map([
        ["x-one", "1"],
        ["x-two", "2, 3"],
      ]),
    });
    expect(file.hosts[2]?.capabilities).toEqual(new Set(["pull", "resolve", "push"]));
  });

  it.each([
    ['serve = "x"', "unknown key serve"],
    ['[host."https://m"]\ncapabilites = []', 'unknown key host."https://m".capabilites'],
    ['"a b\\n" = 1', 'unknown key "a b\\u000a"'],
    ["server = 1", "server must be a string"],
    ['server = "https://"', "server is not a URL"],
    ['server = "ftp://x"', "server is not a URL"],
    ['server = "https://u:p@x"', "must not hold credentials"],
    ['server = "https://x?y"', "must not have a query"],
    ["host = 1", '"host" must be a table'],
    ["[host]\nx = 1", 'host."x" must be a table'],
    ["[host.5000]", "is not a host"],
    ['capabilities = ["fly"]', 'capabilities has the unknown value "fly"'],
    ['skip_verify = "true"', "skip_verify must be true or false"],
    ["override_path = 1", "override_path must be true or false"],
    ["ca = [1]", "ca must be a string or a list of strings"],
    ['client = [["a"]]', "client must be a file"],
    ['[header]\n"a b" = "x"', "invalid name"],
    ['[header]\na = "x\\r\\ny: z"', "header.a has a value with control characters"],
    ['header = "x"', "header must be a table"],
    ['dial_timeout = "soon"', "dial_timeout must be a time"],
    ['dial_timeout = "0s"', "dial_timeout must be a time"],
    ["server = ", "not valid TOML at line 1"],
  ])("refuses %j", (text, why) => {
    expect(problemsOf(text)).toContain(why);
    expect(problemsOf(text)).toContain("/etc/certs.d/r.example/hosts.toml");
  });

  it("reports all mistakes at once", () => {
    expect(problemsOf("a = 1\nb = 2\nskip_verify = 3\n")).toMatch(/unknown key a; unknown key b; skip_verify must/);
  });

  it("T1.10 shows no value, not even of a broken line", () => {
    expect(problemsOf('[header]\nauthorization = "Basic s3cret')).not.toContain("s3cret");
    expect(problemsOf('[header]\nauthorization = ["s3cret\\n"]')).not.toContain("s3cret");
  });

  it("T12.01 takes __proto__ and constructor as unknown keys and no more", () => {
    for (const key of ["__proto__", "constructor", "toString"]) {
      expect(problemsOf(`${key} = "x"`)).toContain(`unknown key ${key}`);
      expect(problemsOf(`[host.${key}]\nskip_verify = "x"`)).toContain("skip_verify");
      expect(problemsOf(`[${key}]\nskip_verify = true`)).toContain(`unknown key ${key}`);
    }
    expect(({} as { skip_verify?: unknown }).skip_verify).toBeUndefined();
  });
});

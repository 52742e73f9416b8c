import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { differences, isOurs } from "./leak-check.ts";
import { linuxGate } from "./linux-gate.ts";
import { iptablesRules, nftRules, readMachineState } from "./machine-state.ts";

const leakCheck = join(import.meta.dirname, "leak-check");

// Runs in mount, network, IPC, UTS and PID namespaces of its own: what is planted there is nobody else's, and what others
// do meanwhile is not there, but that a mount goes from here too when its mount point is removed there. Cgroups are the
// whole machine's, hence a name that is unique.
const plant = `
set -eu
dir=$1 check=$2 name=$3
export TMPDIR=$dir/tmp
for place in /run /var/lib /dev/shm; do mount -t tmpfs tmpfs $place; done
mkdir -p /run/netns /var/lib/cni/networks/net1 /run/point
others="^. cgroup: (?!.*$name)"
compare() { "$check" compare "$dir/before" --allow "$others" --allow '^(. (file: /etc/|loop device)|- (mount|namespace))' >"$dir/$1" 2>&1 && echo 0 >"$dir/$1.exit" || echo $? >"$dir/$1.exit"; }

"$check" snapshot "$dir/before"
compare nothing

mount -t tmpfs $name /run/point
touch /run/netns/$name; mount --bind /proc/self/ns/net /run/netns/$name
touch /run/netns/$name-left
cgroup=$(awk '$(NF-2) ~ /^cgroup/ && $4 == "/" { print $5 }' /proc/self/mountinfo | tail -n 1)/$name
mkdir "$cgroup"
busybox ip link add keelson-l0 type bridge
iptables -A FORWARD -s 192.0.2.1 -j DROP
cp /bin/sleep "$dir/conmon"; "$dir/conmon" 600 & process=$!
touch /dev/shm/$name
shm=$(ipcmk --shmem 4096 | awk '{ print $NF }')
local=$(cat /proc/sys/net/ipv4/conf/all/route_localnet)
echo $((1 - local)) >/proc/sys/net/ipv4/conf/all/route_localnet
touch /var/lib/cni/networks/net1/10.0.0.2 /var/lib/cni/networks/net1/last_reserved_ip.0
mkdir /run/keelson
while [ "$(cat /proc/$process/comm)" != conmon ]; do :; done
compare planted
"$check" >"$dir/ours" && echo 0 >"$dir/ours.exit" || echo $? >"$dir/ours.exit"

umount /run/point
umount /run/netns/$name; rm /run/netns/$name /run/netns/$name-left
rmdir "$cgroup"
busybox ip link delete keelson-l0
iptables -D FORWARD -s 192.0.2.1 -j DROP
kill -9 $process; wait $process || true
rm /dev/shm/$name; ipcrm --shmem-id $shm
echo $local >/proc/sys/net/ipv4/conf/all/route_localnet
rm -r /var/lib/cni/networks/net1/* /run/keelson
compare removed
echo "$process $shm $local $cgroup" >"$dir/facts"
`;

describe.skipIf(linuxGate.skip)("scripts/leak-check", () => {
  let dir = "";
  let name = "";
  const read = (file: string): readonly string[] => readFileSync(join(dir, file), "utf8").trimEnd().split("\n");

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "keelson-leak-"));
    name = basename(dir);
    mkdirSync(join(dir, "tmp"));
    writeFileSync(join(dir, "plant"), plant);
    const namespaces = ["--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"];
    await promisify(execFile)("unshare", [...namespaces, "sh", join(dir, "plant"), dir, leakCheck, name]);
  }, 60_000);
  afterAll(() => rmSync(dir, { recursive: true }));

  it("has nothing to say when nothing was left", () => {
    expect([...read("nothing"), ...read("nothing.exit")]).toEqual(["", "0"]);
  });

  it("names one planted leak of each kind, and nothing else", () => {
    const [process, shm, local, cgroup] = (read("facts")[0] ?? "").split(" ");
    const conmon = new RegExp(`^\\+ process: conmon pid ${process} started \\d+: ${dir}/conmon 600$`);
    const shmKey = new RegExp(`^\\+ shared memory: System V shm -?\\d+ ${shm}$`);
    expect(read("planted")).toEqual([
      `+ mount: /run/point (tmpfs ${name})`,
      `+ namespace: /run/netns/${name} (net)`,
      `+ namespace: /run/netns/${name}-left (not bound)`,
      `+ cgroup: ${cgroup}`,
      "+ link: keelson-l0",
      "+ rule: iptables filter -A FORWARD -s 192.0.2.1/32 -j DROP",
      expect.stringMatching(conmon),
      `+ shared memory: /dev/shm/${name}`,
      expect.stringMatching(shmKey),
      "+ address: 10.0.0.2 of net1",
      "+ file: /run/keelson",
      `~ sysctl: net.ipv4.conf.all.route_localnet: ${local} became ${1 - Number(local)}`,
    ]);
    expect(read("planted.exit")).toEqual(["1"]);
  });

  it("has nothing to say when each was removed", () => {
    expect([...read("removed"), ...read("removed.exit")]).toEqual(["", "0"]);
  });

  it("shows what is keelson's when it is asked for nothing else", () => {
    const ours = read("ours");
    expect(ours.join("\n")).toContain(`mount: /run/point (tmpfs ${name})`);
    expect(new Set(ours.map((line) => line.split(":")[0]))).toEqual(
      new Set(["mount", "namespace", "cgroup", "link", "process", "shared memory", "file"]),
    );
    expect(read("ours.exit")).toEqual(["1"]);
  });

  it("says how it is used when it is used wrongly", async () => {
    for (const args of [["snap", "x"], ["compare"], ["compare", join(dir, "none")], ["--wrong"]]) {
      await expect(promisify(execFile)(leakCheck, args)).rejects.toMatchObject({
        code: 2,
        stderr: expect.stringContaining("usage:"),
      });
    }
  });
});

describe("leak check, its parts", () => {
  it("differences() tells what is new, gone and changed", () => {
    const before = [
      { kind: "mount", name: "/a" },
      { kind: "sysctl", name: "x", value: "0" },
    ] as const;
    const after = [
      { kind: "link", name: "/a" },
      { kind: "sysctl", name: "x", value: "1" },
    ] as const;
    expect(differences(before, after)).toEqual(["+ link: /a", "- mount: /a", "~ sysctl: x: 0 became 1"]);
    expect(differences(after, after)).toEqual([]);
  });

  it("isOurs() goes by names, and never by a value", () => {
    expect(isOurs({ kind: "cgroup", name: "/sys/fs/cgroup/keelson-1a2b3c4d" })).toBe(true);
    expect(isOurs({ kind: "process", name: "keelsond pid 7 started 9: node /x/main.js" })).toBe(true);
    expect(isOurs({ kind: "process", name: "conmon pid 7 started 9: conmon -c podman" })).toBe(false);
    expect(isOurs({ kind: "link", name: "eth0" })).toBe(false);
    expect(isOurs({ kind: "sysctl", name: "kernel.hostname", value: "keelson" })).toBe(false);
  });

  it("reads rules, not the chains that every table has", () => {
    const saved = `# Generated\n*nat\n:PREROUTING ACCEPT [1:60]\n:CNI-X - [0:0]\n:FORWARD DROP [0:0]\n-A CNI-X -j RETURN\nCOMMIT\n`;
    expect(iptablesRules("iptables", saved)).toEqual([
      "iptables nat chain CNI-X (-)",
      "iptables nat chain FORWARD (DROP)",
      "iptables nat -A CNI-X -j RETURN",
    ]);
    const listed = `table ip nat {\n\tchain PREROUTING {\n\t\ttype nat hook prerouting priority dstnat; policy accept;\n\t}\n\n\tchain CNI-X {\n\t\treturn\n\t}\n}\ntable inet own {\n}\n`;
    expect(nftRules(listed)).toEqual([
      "nft table ip nat chain CNI-X",
      "nft table ip nat chain CNI-X: return",
      "nft table inet own",
    ]);
  });

  it("readMachineState() gives every item a name of its own", () => {
    const names = readMachineState().map((item) => `${item.kind} ${item.name}`);
    expect(new Set(names).size).toBe(names.length);
  });
});

#!/bin/sh
# Runs a command where the cgroup hierarchies are all there, hugetlb too: crun refuses a machine of cgroup v1 without it.
# They are mounted anew in a mount namespace of the command's own, so that the machine keeps its own.
set -eu
if [ "${1:-}" != --inside ]; then exec unshare --mount -- "$0" --inside "$@"; fi
shift
# the namespace's mounts hide behind the new folder
mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
while IFS=: read -r _ controllers _; do
  case $controllers in
    '') name=unified type=cgroup2 options=rw ;;
    name=*) name=${controllers#name=} type=cgroup options=none,$controllers ;;
    *) name=$controllers type=cgroup options=$controllers ;;
  esac
  mkdir "/sys/fs/cgroup/$name"
  mount -t "$type" -o "$options" "$type" "/sys/fs/cgroup/$name"
done </proc/self/cgroup
if [ ! -d /sys/fs/cgroup/hugetlb ]; then
  mkdir /sys/fs/cgroup/hugetlb
  mount -t cgroup -o hugetlb cgroup /sys/fs/cgroup/hugetlb
fi
exec "$@"

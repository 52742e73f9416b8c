#!/bin/sh
# Unpacks Debian's containerd of this machine's own suite into DIR, installs nothing, and prints the path of its binary.
# usage: bench/peer-containerd.sh DIR
set -eu
mkdir -p "${1:?usage: bench/peer-containerd.sh DIR}"
dir=$(cd "$1" && pwd)
if [ ! -x "$dir/usr/bin/containerd" ]; then
  mkdir -p "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial"
  # lists and cache of its own: the machine's may be empty, and stay as they are
  set -- -qq -o "Dir::State::Lists=$dir/apt/lists" -o "Dir::Cache=$dir/apt/cache" -o APT::Sandbox::User=root
  cd "$dir/apt"
  { apt-get "$@" update && apt-get "$@" download containerd && dpkg-deb -x containerd_*.deb "$dir"; } >log 2>&1 || {
    tail -n 5 log >&2
    echo "peer-containerd.sh: could not get containerd from Debian, see $dir/apt/log" >&2
    exit 1
  }
  rm -rf lists cache containerd_*.deb
fi
echo "$dir/usr/bin/containerd"

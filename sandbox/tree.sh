#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs a command with a Debian tree as its root, inside a sandbox or a guest.
#
#   tree.sh TREE PLACE TOOLS [TARGET FILE]... -- COMMAND [ARGUMENT]...
#
# TREE is not changed: what is written goes to memory, mounted at PLACE (an
# empty folder), and is gone with the sandbox.  Each FILE is seen at TARGET, TOOLS at
# /portzero.
set -eu
tree=$1
place=$2
tools=$3
shift 3
root=$place/root
mount -t tmpfs -o mode=755 portzero "$place"
mkdir "$place/changes" "$place/work" "$root"
mount -t overlay -o "lowerdir=$tree,upperdir=$place/changes,workdir=$place/work" portzero "$root"
mkdir -p "$root/portzero"
mount --bind "$tools" "$root/portzero"
while [ "$1" != -- ]; do
    if [ ! -e "$root$1" ]; then
        mkdir -p "$(dirname "$root$1")"
        : > "$root$1"
    fi
    mount --bind "$2" "$root$1"
    shift 2
done
shift
mount --rbind /proc "$root/proc"
# Devices of its own: what a daemon makes in /dev (log, printer) is not to be
# seen by the host.
mount -t tmpfs -o mode=755 portzero "$root/dev"
for device in null zero full random urandom tty net/tun; do
    if [ -c "/dev/$device" ]; then
        mkdir -p "$(dirname "$root/dev/$device")"
        : > "$root/dev/$device"
        mount --bind "/dev/$device" "$root/dev/$device"
    fi
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 portzero "$root/dev/pts"
mount -t tmpfs -o mode=1777 portzero "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"
# Daemons look up the name of the host they are on.
printf '127.0.0.1 localhost %s\n::1 localhost\n' "$(uname -n)" > "$root/etc/hosts"
echo 'nameserver 127.0.0.1' > "$root/etc/resolv.conf"
exec chroot "$root" "$@"

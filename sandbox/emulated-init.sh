# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash
# The first process of the machine of `make check-s390x`: runs what is in /job on
# each libc, and writes what came of it, as a tar archive, to the only disk.
set -eu
PATH=/bin:/sbin:/usr/bin:/usr/sbin
export PATH
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /results
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
exec </dev/console >/dev/console 2>&1

end()
{
	sync
	poweroff -f
	sleep 3600
}
trap end EXIT

echo "portzero: $(uname -srm)"
ip link set lo up
# As in other guests (guest_system.c).
echo 262144 >/proc/sys/net/netfilter/nf_conntrack_max
nft "$(cat /job/rules)"
for libc in distro preload patched; do
	preload=
	if [ "$libc" = preload ]; then
		preload=LD_PRELOAD=/job/libportzero.so
	fi
	if [ "$libc" = patched ]; then
		for file in /job/patched/*; do
			for folder in /lib /lib/s390x-linux-gnu /usr/lib/s390x-linux-gnu; do
				place=$folder/${file##*/}
				if [ -e "$place" ] && [ ! -L "$place" ]; then
					mount -o bind "$file" "$place"
				fi
			done
		done
	fi
	begin=$(date +%s)
	status=0
	# shellcheck disable=SC2086  # A variable, or none.
	env $preload /job/portzero-suite --output "/results/$libc.jsonl" --listener-port 8080 \
		--time-limit "$(cat /job/time_limit)" >"/results/$libc.ktap" 2>"/results/$libc.err" ||
		status=$?
	echo "$status $(($(date +%s) - begin))" >"/results/$libc.status"
	echo "portzero: suite on $libc: status $status, $(($(date +%s) - begin)) s"
done
while read -r name variables; do
	status=0
	# shellcheck disable=SC2086  # NAME=VALUE words, or none.
	env $variables "/job/tests/$name" >"/results/$name.out" 2>&1 || status=$?
	echo "$name $status" >>/results/tests
	echo "portzero: $name: status $status"
done </job/tests/list
tar -C /results -cf /dev/vda .
echo "portzero: done"

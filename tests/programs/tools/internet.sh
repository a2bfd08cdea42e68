# shellcheck shell=sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What may be between a client and a server: four hosts in a row, each a
# network namespace.
#
#   client --1-- router --2-- provider --3-- server
#
# On net N the left one has the addresses 10.0.N.1 and 2001:db8:N::1, the right one
# 10.0.N.2 and 2001:db8:N::2.  The router gives what comes from the client an address of
# its own; so 10.0.2.1 is all that the server knows of the client.  The server is where
# the script runs; what comes for its port 0 arrives at port 8080.

export SERVER4=10.0.3.2
export SERVER6='[2001:db8:3::2]'

# on HOST COMMAND...: run a command on a host.
on() {
    ip netns exec "$@"
}

# address HOST NET NUMBER.  That it is nobody else's need not be found out.
address() {
    ip -n "$1" addr add "10.0.$2.$3/24" dev "net$2"
    ip -n "$1" addr add "2001:db8:$2::$3/64" dev "net$2" nodad
    ip -n "$1" link set "net$2" up
}

# link LEFT NET RIGHT
link() {
    ip -n "$1" link add "net$2" type veth peer name "net$2" netns "$3"
    address "$1" "$2" 1
    address "$3" "$2" 2
}

# route HOST NET NUMBER: all else goes there.
route() {
    ip -n "$1" route add default via "10.0.$2.$3"
    ip -n "$1" -6 route add default via "2001:db8:$2::$3"
}

# internet HOW: the router has the rule "masquerade HOW".
internet() {
    mkdir -p /run/netns
    for host in client router provider; do
        ip netns add "$host"
        ip -n "$host" link set lo up
        on "$host" sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward
            echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
    done
    ip netns attach server $$
    link client 1 router
    link router 2 provider
    link provider 3 server
    route client 1 2
    route router 2 2
    ip -n provider route add 10.0.1.0/24 via 10.0.2.1
    ip -n provider -6 route add 2001:db8:1::/64 via 2001:db8:2::1
    route server 3 1
    on router nft "table inet nat { chain out {
        type nat hook postrouting priority 100; oifname net2 masquerade ${1:-}; }; }"
    on provider nft 'table inet filter { chain forward {
        type filter hook forward priority 0; }; }'
    nft 'table inet portzero { chain incoming {
        type nat hook prerouting priority -100; fib daddr type local jump steer; }; }'
}

# shellcheck shell=sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the scripts of the programs' files have at hand.

export LC_ALL=C.UTF-8 HOME=/root TERM=dumb
export PATH=/portzero:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd /tmp || exit
mkdir -p /run/lock /run/user

# Wait until somebody listens at a TCP port, or has a UDP socket there.  Then
# come the clients that reset their connections, if the test is about these.
listening() {
    until grep -q "$(printf ':%04X [0-9A-F]*:0000 0A' "$1")" /proc/net/tcp /proc/net/tcp6; do
        sleep 0.05
    done
    [ "$RESETS" = 0 ] || reset.py "$1" "$RESETS"
}
receiving() {
    until grep -q "$(printf ':%04X [0-9A-F]*:0000 07' "$1")" /proc/net/udp /proc/net/udp6; do
        sleep 0.05
    done
}

# Wait until a file (by default the server's log) has a line that matches: one
# that comes in any case.
says() {
    until grep -qE "$1" "${2:-/tmp/log}" 2>/dev/null; do
        sleep 0.05
    done
}

# Have what goes to syslog in the log.
to_log() {
    syslog.py &
    until [ -S /dev/log ]; do
        sleep 0.05
    done
}

# A certificate for localhost: cert.pem and key.pem.
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
        -keyout key.pem -out cert.pem -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
    cat key.pem cert.pem > both.pem
}

# Show a PNG file under this name: it is kept beside the transcript.
picture() {
    if [ -s "$2" ]; then
        printf 'picture %s %s\n' "$1" "$(base64 -w 0 "$2")"
    else
        echo "no picture of $1"
    fi
}

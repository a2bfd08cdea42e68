# shellcheck shell=sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Source this and there is Debian's page by Apache, at port 8080 or where else it
# is told to listen, for IPv4 and IPv6.  Apache takes the place of the shell.

apache() {
    cat > apache.conf << END
ServerRoot /etc/apache2
ServerName localhost
Listen ${1:-8080}
PidFile /tmp/apache.pid
ErrorLog /dev/stderr
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
User www-data
Group www-data
DocumentRoot /var/www/html
END
    mkdir -p /var/run/apache2
    exec apache2 -D FOREGROUND -f /tmp/apache.conf
}

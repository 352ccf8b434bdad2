#!/bin/sh
# As the public redis image: options or a configuration file alone start the server.
case "$1" in
-* | *.conf) set -- redis-server "$@" ;;
esac
exec "$@"

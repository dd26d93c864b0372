# shellcheck shell=bash
# Sourced by scripts/services: the engines of a bigger site, private as all else. GROUND_MOTION_ENGINES names those that
# are wanted: "rabbitmq pgbouncer". No service of the system is touched. GROUND_MOTION_ENGINES_ADDRESS, an address
# of a private network, lets RabbitMQ and PgBouncer listen there for other machines.
RABBITMQ=$GROUND_MOTION_VAR/rabbitmq
RABBITMQ_PROGRAMS=/usr/lib/rabbitmq/bin
POOLER_PORT=6432 # the name of a socket
ADDRESS=${GROUND_MOTION_ENGINES_ADDRESS:-}

wanted() { [[ " ${GROUND_MOTION_ENGINES:-} " = *" $1 "* ]]; }

runs() { # $1 the file of a process's number; one that has ended may still be in the table
  [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null && ! grep -qs '^State:\sZ' "/proc/$(cat "$1")/status"
}

start_pgbouncer() { # for any database; NAME_web ends statements that take too long, as WEB_STATEMENT_TIMEOUT_SECONDS does
  runs "$SOCKETS/pgbouncer.pid" && return
  command -v pgbouncer >/dev/null || die "PgBouncer is not installed; run scripts/setup with the same GROUND_MOTION_ENGINES"
  printf '"ground_motion_%s" "%s"\n' owner "$OWNER_PASSWORD" application "$APPLICATION_PASSWORD" reader "$READER_PASSWORD" |
    as_db_owner sh -c "umask 077; cat >'$SOCKETS/pgbouncer.users'"
  as_db_owner tee "$SOCKETS/pgbouncer.ini" >/dev/null <<END
[databases]
${DATABASE}_web = host=$SOCKETS dbname=$DATABASE connect_query='SET statement_timeout = 10000'
* = host=$SOCKETS
[pgbouncer]
pool_mode = transaction
unix_socket_dir = $SOCKETS
unix_socket_mode = 0700
listen_port = $POOLER_PORT
auth_type = scram-sha-256
auth_file = $SOCKETS/pgbouncer.users
pidfile = $SOCKETS/pgbouncer.pid
logfile = $SOCKETS/pgbouncer.log
log_connections = 0
log_disconnections = 0
max_client_conn = 1000
server_idle_timeout = 2
${ADDRESS:+listen_addr = $ADDRESS}
tcp_keepidle = 30
tcp_keepintvl = 10
tcp_keepcnt = 3
END
  as_db_owner pgbouncer -q -d "$SOCKETS/pgbouncer.ini" || die "PgBouncer did not start; see $SOCKETS/pgbouncer.log"
}

in_rabbitmq() { # run a program of RabbitMQ's with the name, ports, cookie and folders of this node
  local EPMD PORT DIST PASSWORD
  # shellcheck disable=SC1091
  . "$RABBITMQ/node"
  HOME=$RABBITMQ RABBITMQ_NODENAME=ground-motion-$KEY@localhost RABBITMQ_NODE_IP_ADDRESS=${ADDRESS:-127.0.0.1} \
    RABBITMQ_NODE_PORT=$PORT RABBITMQ_DIST_PORT=$DIST ERL_EPMD_PORT=$EPMD ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_MNESIA_BASE=$RABBITMQ/data RABBITMQ_LOG_BASE=$RABBITMQ/log RABBITMQ_PID_FILE=$RABBITMQ/pid \
    RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_CONFIG_FILE=$RABBITMQ/rabbitmq.conf \
    RABBITMQ_ENABLED_PLUGINS_FILE=$RABBITMQ/plugins "$@"
}

make_rabbitmq() { # ports and a password, kept as long as the ports are free; no messages: what is waiting is announced again
  local from=$((20000 + 16#${KEY:0:3} * 10)) name
  rm -rf "$RABBITMQ/data" "$RABBITMQ/pid"
  install -d -m 700 "$RABBITMQ"
  if ! ports_free; then
    install -m 600 /dev/null "$RABBITMQ/node"
    (
      for name in EPMD PORT DIST; do
        from=$("$ROOT/scripts/free-port" "$from")
        echo "$name=$((from++))"
      done
      echo "PASSWORD=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')"
    ) >"$RABBITMQ/node"
  fi
  # shellcheck disable=SC1091
  . "$RABBITMQ/node"
  echo '[].' >"$RABBITMQ/plugins"
  # a task keeps its message open until it has ended: the server must wait for longer than the longest may take
  (umask 077; printf '%s\n' 'default_user = ground_motion' "default_pass = $PASSWORD" 'consumer_timeout = 50400000' \
    'vm_memory_high_watermark.absolute = 1GiB' 'disk_free_limit.absolute = 50MB' >"$RABBITMQ/rabbitmq.conf")
}

ports_free() { # those of the start before
  local EPMD PORT DIST PASSWORD port
  [ -f "$RABBITMQ/node" ] || return 1
  in_rabbitmq epmd -kill >/dev/null 2>&1 || true
  # shellcheck disable=SC1091
  . "$RABBITMQ/node"
  for port in $EPMD $PORT $DIST; do [ "$("$ROOT/scripts/free-port" "$port")" = "$port" ] || return 1; done
}

start_rabbitmq() {
  [ -x $RABBITMQ_PROGRAMS/rabbitmq-server ] || die "RabbitMQ is not installed; run scripts/setup with the same GROUND_MOTION_ENGINES"
  if ! runs "$RABBITMQ/pid"; then
    make_rabbitmq
    in_rabbitmq $RABBITMQ_PROGRAMS/rabbitmq-server -detached >"$RABBITMQ/start.log" 2>&1 </dev/null
    in_rabbitmq $RABBITMQ_PROGRAMS/rabbitmqctl wait --timeout 300 "$RABBITMQ/pid" >>"$RABBITMQ/start.log" 2>&1 ||
      die "RabbitMQ did not start; see $RABBITMQ/start.log"
  fi
  # shellcheck disable=SC1091
  . "$RABBITMQ/node"
  echo "BROKER_URL=amqp://ground_motion:$PASSWORD@${ADDRESS:-127.0.0.1}:$PORT//" >>"$GROUND_MOTION_VAR/services.env.new"
}

start_engines() { # $1 whether PostgreSQL is ours
  if [ -n "$1" ] && wanted pgbouncer; then
    start_pgbouncer
    sed -i -E "/^DATABASE(_READER)?_URL/s/@\//@$ADDRESS:$POOLER_PORT\//" "$GROUND_MOTION_VAR/services.env.new"
    echo "DATABASE_POOLER=transaction" >>"$GROUND_MOTION_VAR/services.env.new"
  fi
  if [ -n "$1" ] && [ -n "$ADDRESS" ] && wanted pgbouncer; then # from elsewhere no socket is reached
    sed -i -E '/^DATABASE(_READER)?_URL/s/\?host=.*//' "$GROUND_MOTION_VAR/services.env.new"
  fi
  if wanted rabbitmq; then start_rabbitmq; fi
}

stop_engines() {
  if runs "$SOCKETS/pgbouncer.pid"; then as_db_owner kill -TERM "$(cat "$SOCKETS/pgbouncer.pid")"; fi
  [ -f "$RABBITMQ/node" ] || return 0
  if runs "$RABBITMQ/pid"; then
    kill -TERM "$(cat "$RABBITMQ/pid")"
    for _ in $(seq 600); do runs "$RABBITMQ/pid" || break; sleep 0.1; done
  fi
  for _ in $(seq 50); do # it stays while it knows of a node
    in_rabbitmq epmd -kill >/dev/null 2>&1 || true
    in_rabbitmq epmd -names >/dev/null 2>&1 || break
    sleep 0.1
  done
}

# Starting, waiting for and ending the cluster's processes; sourced after settings.sh.

# Starts a program in a session of its own, so that it outlives the shell: start NAME PROGRAM ARGUMENT...
start() {
	local name=$1
	shift
	# Its folder is what tells it from a stranger that has got its number.
	cd "$state"
	# The lock of the script must not live on in it.
	setsid "$@" >"logs/$name" 2>&1 </dev/null 9>&- &
	echo $! >"$state/pids/$name"
}

# Whether the process of that name is there. A number alone could by now be anybody's.
runs() {
	local pid
	pid=$(cat "$state/pids/$1" 2>/dev/null) && [[ $(readlink "/proc/$pid/cwd") == "$state"* ]]
}

# Waits until a command succeeds: wait_until SECONDS WHAT COMMAND...
wait_until() {
	local deadline=$((SECONDS + $1)) what=$2 name
	shift 2
	until "$@" >"$state/logs/check" 2>&1; do
		for name in "$state"/pids/*; do
			name=${name##*/}
			runs "$name" || fail "$name has ended: $(tail -n 3 "$state/logs/$name")"
		done
		((SECONDS < deadline)) || fail "$what is not there in time: $(tail -n 3 "$state/logs/check"); logs are in $state/logs"
		sleep 0.2
	done
}

# Ends processes by their ids. Nothing of the cluster is kept, so nobody is given time to put things in order.
end() {
	local pid
	(($#)) || return 0
	kill -KILL "$@" 2>/dev/null || true
	for pid; do
		while [ -e "/proc/$pid" ] && ! is_zombie "$pid"; do sleep 0.05; done
	done
}

is_zombie() {
	grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

# Ends the named processes of the cluster, all at once.
end_named() {
	local name pids=()
	for name; do
		! runs "$name" || pids+=("$(<"$state/pids/$name")")
	done
	end "${pids[@]}"
}

# containerd, the kubelet and kube-proxy; sourced after settings.sh and processes.sh.

start_containerd() {
	local snapshotter=overlayfs
	# One overlay on another does not work, as where the machine is a container itself.
	[ "$(stat --file-system --format %T "$state")" != overlayfs ] || snapshotter=native
	render "$here/templates/containerd.toml" >"$state/containerd.toml"
	start containerd containerd --config containerd.toml
	wait_until 20 containerd containerd_control version
}

containerd_control() {
	ctr --address "$state/containerd.sock" --namespace k8s.io "$@"
}

# Every image that the cluster's own pods need; nothing is pulled.
import_images() {
	local root=$state/busybox name
	mkdir -p "$root/bin"
	cp "$(command -v busybox)" "$root/bin/busybox"
	# Programs that scripts and tests call; links cost nothing.
	for name in $(busybox --list); do [ "$name" = busybox ] || ln -s busybox "$root/bin/$name"; done
	mkdir -m 1777 "$root/tmp"
	"$here/archive.sh" "$root" "$state/busybox.tar" localhost/busybox:stable sleep infinity
	containerd_control images import "$state/busybox.tar" >/dev/null
	for name in "${addons[@]}"; do
		containerd_control images import "$cache/$name-$(addon_version "$name")/image.tar" >/dev/null
	done
}

start_node() {
	render "$here/templates/kubelet.yaml" >"$state/kubelet.yaml"
	render "$here/templates/proxy.yaml" >"$state/proxy.yaml"
	# Named so, the node is found by whatever resolves its name.
	start kubelet "$kubernetes/kubelet" --config=kubelet.yaml --kubeconfig=kubelet.kubeconfig --root-dir="$state/kubelet" \
		--cert-dir="$state/kubelet/pki" --hostname-override=localhost --node-ip="$node_address"
	start kube-proxy "$kubernetes/kube-proxy" --config=proxy.yaml
}

# Ends what runs in pods, with the processes that hold it. The kubelet must be gone, or it would start them again.
end_pods() {
	local pids
	mapfile -t pids < <(find /sys/fs/cgroup -path '*/kubepods*/cgroup.procs' -exec cat {} + 2>/dev/null | sort -u)
	end "${pids[@]}"
	# Each pod has a process of containerd, which is told where that listens.
	mapfile -t pids < <(grep -lzxF "$state/containerd.sock" /proc/[0-9]*/cmdline 2>/dev/null | cut -d / -f 3)
	end "${pids[@]}"
}

unmount_all() {
	local mount
	# What was mounted last may lie on what was mounted first.
	mounts | tac | while read -r mount; do umount "$mount" 2>/dev/null || umount --lazy "$mount" || true; done
}

has_mounts() {
	[ -n "$(mounts)" ]
}

mounts() {
	awk -v state="$state/" 'index($5, state) == 1 {print $5}' /proc/self/mountinfo
}

remove_cgroups() {
	local folder
	find /sys/fs/cgroup -depth -type d -path '*/kubepods*' 2>/dev/null | while read -r folder; do
		rmdir "$folder" 2>/dev/null || true
	done
}

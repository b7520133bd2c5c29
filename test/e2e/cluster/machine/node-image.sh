#!/bin/bash
# node-image.sh PROGRAMS KIND_FILES IMAGE WORK: a node image for kind from Debian packages, kind's own files and PROGRAMS.
# Needs root, mmdebstrap, jq, containerd and docker. ETCD_TAG, COREDNS_TAG, PAUSE_TAG and DEBIAN are in the environment.
set -euo pipefail
programs=$1 kind_files=$2 image=$3 work=$4
root=$work/root images=$work/images
kubernetes=$("$programs/kubeadm" version -o short)
libraries=usr/lib/$(uname -m)-linux-gnu
names=()

say() { echo "node image: $*" >&2; }

debian() {
  mmdebstrap --quiet --variant=minbase --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --include=systemd,dbus,containerd,runc,containernetworking-plugins,conntrack,iptables,nftables,iproute2,ethtool,util-linux,mount,kmod,procps,jq,socat,ca-certificates,e2fsprogs,curl,pigz \
    "$DEBIAN" "$work/debian.tar"
  mkdir -p "$root"
  tar -C "$root" --numeric-owner -xf "$work/debian.tar"
  rm "$work/debian.tar"
}

# What kind's own Dockerfile of its base image does, in this order.
kind_base() {
  # A Go module has no executable files.
  install -m755 "$kind_files"/usr/local/bin/* -t "$root/usr/local/bin/"
  install -d "$root"/{kind/bin,kind/manifests,etc/containerd,etc/cni/net.d,opt/cni,etc/kubernetes/manifests,etc/systemd/system/kubelet.service.d}
  install -m755 "$kind_files"/kind/bin/* -t "$root/kind/bin/"
  local folder
  for folder in etc etc/default etc/sysctl.d etc/containerd etc/systemd/system etc/systemd/system/kubelet.service.d; do
    find "$kind_files/$folder" -maxdepth 1 -type f -exec install -m644 -t "$root/$folder/" {} +
  done
  echo -n "$kubernetes" > "$root/kind/version"
  install -m755 "$programs"/{kubeadm,kubelet,kubectl} -t "$root/usr/bin/"
  ln -sfn /usr/bin/containerd "$root/usr/local/bin/containerd"
  ln -sfn /usr/bin/ctr "$root/usr/local/bin/ctr"
  ln -sfn /usr/lib/cni "$root/opt/cni/bin"
  ln -sfn /usr/lib/systemd/systemd "$root/sbin/init"
  rm -f "$root/etc/systemd/system/containerd-fuse-overlayfs.service" "$root"/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service \
    "$root"/lib/systemd/system/{multi-user,local-fs,basic}.target.wants/* "$root"/etc/systemd/system/*.wants/* \
    "$root"/lib/systemd/system/sockets.target.wants/*{udev,initctl}*
  echo ReadKMsg=no >> "$root/etc/systemd/journald.conf"
  systemctl --quiet --root="$root" enable kubelet.service containerd.service undo-mount-hacks.service
  systemctl --quiet --root="$root" mask systemd-binfmt.service
}

# No fuse snapshotter, kubeadm's pause image, and no lower oom score: root need not have CAP_SYS_RESOURCE.
containerd_settings() {
  sed -i -e '/^\[proxy_plugins/,/^$/d' -e "s/pause:[0-9.]*\"/pause:$PAUSE_TAG\"/" \
    -e 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' "$root/etc/containerd/config.toml"
  chroot "$root" ctr oci spec |
    jq '.hooks.createContainer[.hooks.createContainer|length] |= . + {"path":"/kind/bin/mount-product-files.sh"} | del(.process.rlimits)' \
      > "$root/etc/containerd/cri-base.json"
}

# A bridge is all the network that one node needs. Until kube-proxy has taken a Service over, its address is refused: CoreDNS, which
# starts first, would else wait for a SYN that nobody answers.
network() {
  cat > "$root/etc/cni/net.d/10-bridge.conflist" <<'J'
{"cniVersion":"0.4.0","name":"pods","plugins":[
 {"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":true,"hairpinMode":true,
  "ipam":{"type":"host-local","ranges":[[{"subnet":"10.244.0.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}},
 {"type":"portmap","capabilities":{"portMappings":true}}]}
J
  cat > "$root/etc/systemd/system/kubelet.service.d/12-refuse.conf" <<'U'
[Service]
ExecStartPre=-/bin/sh -c "r='FORWARD -d 10.96.0.0/16 -p tcp -j REJECT --reject-with tcp-reset'; iptables -C $$r 2>/dev/null || iptables -A $$r"
U
}

# image NAME FOLDER [CHANGE...]
image() {
  local name=$1 folder=$2
  shift 2
  tar -C "$folder" --owner=0 --group=0 -c . | docker import "$@" - "$name" > /dev/null
  names+=("$name")
}

# one NAME PROGRAM: an image of a static program.
one() {
  local folder=$images/$2
  mkdir -p "$folder/usr/local/bin" "$folder/tmp"
  cp -L "$programs/$2" "$folder/usr/local/bin/"
  image "$1" "$folder" -c 'ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin' -c "ENTRYPOINT [\"/usr/local/bin/$2\"]"
}

# kube-proxy calls iptables, nft and conntrack, which load libraries.
kube_proxy_tools() {
  local folder=$images/kube-proxy link library
  mkdir -p "$folder"/{usr/sbin,usr/bin,usr/lib64,etc,run,"$libraries"}
  for link in lib lib64 bin sbin; do ln -s "usr/$link" "$folder/$link"; done
  cp "$root"/usr/sbin/{xtables-nft-multi,nft,conntrack} "$folder/usr/sbin/"
  cp -r "$root/$libraries/xtables" "$folder/$libraries/"
  cp "$root"/etc/{protocols,services} "$folder/etc/" 2> /dev/null || true
  for link in ip{,6}tables{,-save,-restore}; do ln -s xtables-nft-multi "$folder/usr/sbin/$link"; done
  chroot "$root" sh -c "ldd /usr/sbin/xtables-nft-multi /usr/sbin/nft /usr/sbin/conntrack /$libraries/xtables/*.so" 2> /dev/null |
    grep -oE '/lib[^ :]*\.so[^ :]*' | sort -u |
    while read -r library; do cp "$root$(chroot "$root" readlink -f "$library")" "$folder$library"; done
}

control_plane_images() {
  kube_proxy_tools
  local program
  for program in kube-apiserver kube-controller-manager kube-scheduler kube-proxy; do
    one "registry.k8s.io/$program:$kubernetes" "$program"
  done
  one "registry.k8s.io/etcd:$ETCD_TAG" etcd
  one "registry.k8s.io/coredns/coredns:$COREDNS_TAG" coredns
  one "registry.k8s.io/pause:$PAUSE_TAG" pause
  docker save -o "$work/images.tar" "${names[@]}"
  docker rmi "${names[@]}" > /dev/null
}

# Into the containerd of the tree, unpacked, by a containerd that runs here on that root.
preload() {
  local state=$work/containerd pid
  mkdir -p "$state"
  printf 'version = 2\nroot = "%s"\nstate = "%s"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "%s"\n' \
    "$root/var/lib/containerd" "$state/state" "$state/sock" > "$state/config.toml"
  containerd -c "$state/config.toml" -l warn > "$state/log" 2>&1 &
  pid=$!
  for _ in $(seq 100); do
    [ -S "$state/sock" ] && break
    sleep .1
  done
  ctr -a "$state/sock" -n k8s.io images import --snapshotter overlayfs "$work/images.tar" > /dev/null
  kill "$pid"
  wait "$pid" || true
  rm "$work/images.tar"
}

say "Debian packages, about a minute and a half"
debian
kind_base
containerd_settings
network
say "images of the control plane, about 20 seconds"
control_plane_images
preload
say "importing it, about 15 seconds"
tar -C "$root" --numeric-owner -c . |
  docker import -c 'ENV container=docker' -c 'ENTRYPOINT ["/usr/local/bin/entrypoint","/sbin/init"]' - "$image" > /dev/null

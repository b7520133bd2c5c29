/**
 * Words of installing and joining that may be shown though they stand in a machine's bootstrap data: without them no line of its log would say
 * anything. Whole words, in lower case. No value that somebody chooses is among them.
 */
export const PUBLIC_WORDS: readonly string[] = [
  "cloud-init cloud-config cloud-final cloud-init.log cloud-init-output.log user-data scripts-user runcmd bootcmd write_files packages package_update",
  "kubeadm kubelet kubectl kubernetes kube-apiserver kube-proxy containerd containerd.io runc crictl docker etcd cri-o calico cilium flannel",
  "rke2 rke2-server rke2-agent rke2-server.service rke2-agent.service k3s k3s-agent k3s.service k3s-agent.service rancher rancher-system-agent",
  "systemd systemctl journalctl service services daemon-reload kubelet.service containerd.service qemu-guest-agent sshd",
  "apt-get dnf zypper yum curl wget python python3 bash sudo modprobe sysctl swapoff install.sh",
  "error errors fail failed failure failing fatal warning info debug notice critical exception traceback exit status code line",
  "install installing installed installation start started starting stop stopped restart enable enabled disable disabled running done degraded",
  "join joined joining init initialization initialize bootstrap register registered node nodes server agent cluster control-plane controlplane worker",
  "package download downloading fetch fetched connect connection connecting refused reset timeout timed host hostname network route address port",
  "https http proxy certificate certificates authority config configuration file files directory path owner root permissions content encoding name",
  "true false null none with from that this have been could cannot unable found resolve resolved expired invalid unauthorized forbidden denied",
  "user users group groups command commands script scripts module modules final stage datasource etc var lib usr local bin opt tmp run log yaml json conf",
]
  .join(" ")
  .split(" ");

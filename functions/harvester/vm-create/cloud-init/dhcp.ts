const SCRIPT_PATH = "/usr/local/bin/dhclient-script-capfn.sh";

/**
 * What dhclient calls with a lease in its environment (dhclient-script(8)). Without braces followed by `#`, `%` or `{`, so that it passes
 * unharmed through a jinja template.
 */
const SCRIPT = `#!/bin/sh
# Puts a DHCP lease on an interface with nothing but iproute2.
prefix_length() {
  bits=0
  for octet in $(echo "$1" | tr . ' '); do
    while [ "$octet" -gt 0 ]; do
      bits=$((bits + octet % 2))
      octet=$((octet / 2))
    done
  done
  echo "$bits"
}
write_resolv_conf() {
  [ -n "$new_domain_name_servers" ] || return 0
  search=$(echo "$new_domain_search $new_domain_name" | xargs)
  if [ -L /etc/resolv.conf ] && command -v resolvectl >/dev/null 2>&1; then
    resolvectl dns "$interface" $new_domain_name_servers
    [ -z "$search" ] || resolvectl domain "$interface" $search
    return 0
  fi
  new_conf=$(mktemp)
  [ -z "$search" ] || echo "search $search" >>"$new_conf"
  for server in $new_domain_name_servers; do
    echo "nameserver $server" >>"$new_conf"
  done
  cat "$new_conf" >/etc/resolv.conf
  rm -f "$new_conf"
}
case "$reason" in
PREINIT)
  ip link set dev "$interface" up
  ;;
BOUND | RENEW | REBIND | REBOOT)
  if [ "$old_ip_address" != "$new_ip_address" ]; then
    ip -4 addr flush dev "$interface" scope global
  fi
  ip -4 addr replace "$new_ip_address/$(prefix_length "$new_subnet_mask")" dev "$interface"
  # The first interface has the lowest metric, so its gateway is the one in use.
  metric=$((100 + $(cat "/sys/class/net/$interface/ifindex")))
  for router in $new_routers; do
    ip -4 route replace default via "$router" dev "$interface" metric "$metric"
    break
  done
  write_resolv_conf
  ;;
esac
exit 0
`;

/**
 * \`bootcmd\` entries that get the interfaces an address by DHCP before anything needs the network. Some images' own DHCP client (wicked)
 * drops the replies on virtio interfaces because of their unfinished checksums; dhclient does not. \`-1\`: try once, then go to the background.
 * An interface that is not there, or an image without dhclient, is left to the image's own client.
 */
export function dhcpBootCommands(interfaces: number): readonly string[] {
  const lines = Array.from({ length: interfaces }, (_, index) => {
    const name = `eth${index}`;
    const run = `dhclient -1 -sf ${SCRIPT_PATH} -lf /tmp/dhclient-${name}.lease -pf /tmp/dhclient-${name}.pid ${name}`;
    return `[ ! -e /sys/class/net/${name} ] || ! command -v dhclient >/dev/null || ${run}`;
  });
  return [writeScript(), ...lines];
}

function writeScript(): string {
  return `mkdir -p /usr/local/bin\ncat >${SCRIPT_PATH} <<'END_OF_SCRIPT'\n${SCRIPT}END_OF_SCRIPT\nchmod 0755 ${SCRIPT_PATH}\n`;
}

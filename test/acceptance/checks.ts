/** One acceptance check of a drop-in replacement for CAPHV. M is the management cluster, H Harvester, W a workload cluster. */
export interface AcceptanceCheck {
  readonly number: number;
  readonly area: string;
  readonly sentence: string;
}

/** All checks, in order. Which tests show them is read from the tests' names. */
export const checks: readonly AcceptanceCheck[] = [
  {
    number: 1,
    area: "API surface",
    sentence:
      "CRDs of the 4 kinds exist in group `infrastructure.cluster.x-k8s.io`, Namespaced, plurals as in the Go provider.",
  },
  {
    number: 2,
    area: "API surface",
    sentence:
      "`v1alpha1` and `v1beta1` both served, storage `v1beta1`; an object written in one reads back in the other with no field lost except `status.failureReason/failureMessage`.",
  },
  {
    number: 3,
    area: "API surface",
    sentence: "Round-trip property test over random objects of all 4 kinds, both directions, is loss-free.",
  },
  {
    number: 4,
    area: "API surface",
    sentence:
      "CRDs carry `cluster.x-k8s.io/provider: infrastructure-harvester` and contract labels for v1beta1 and v1beta2.",
  },
  {
    number: 5,
    area: "API surface",
    sentence:
      "CAPI core v1.12+ with the v1beta2 label reads `status.initialization.provisioned`; with only the v1beta1 label reads `status.ready`; both give a provisioned Cluster.",
  },
  {
    number: 6,
    area: "API surface",
    sentence:
      "Every field of the Go provider exists with the same JSON name and type; schema-required sets are equal; unknown-field pruning keeps none of them out.",
  },
  {
    number: 7,
    area: "API surface",
    sentence: "`ipamType` enum, `listeners[].protocol` enum, `volumeType` enum (v1beta1) enforced by schema.",
  },
  {
    number: 8,
    area: "API surface",
    sentence:
      "`kubectl get hvct` works; category `cluster-api` lists HarvesterClusterTemplates; printer columns Ready and Server show values.",
  },
  {
    number: 9,
    area: "API surface",
    sentence: "Column ControlPlaneEndpoint shows host; HarvesterMachine shows useful columns.",
  },
  {
    number: 10,
    area: "API surface",
    sentence: "Conditions are metav1 with PascalCase reasons accepted by API-server validation.",
  },
  {
    number: 11,
    area: "API surface",
    sentence:
      "`metadata.yaml` has a series entry for the shipped version with contract v1beta2; `clusterctl init --infrastructure harvester` accepts it.",
  },
  {
    number: 12,
    area: "API surface",
    sentence:
      "infrastructure-components.yaml applies with plain kubectl (no placeholders) and through a Turtles CAPIProvider.",
  },
  {
    number: 13,
    area: "Webhooks",
    sentence:
      "Each HarvesterCluster rule 1-7 rejects with a message naming the field; all violations are listed in one message.",
  },
  { number: 14, area: "Webhooks", sentence: "Each HarvesterMachine rule 1-17 rejects likewise." },
  {
    number: 15,
    area: "Webhooks",
    sentence:
      "Valid minimal objects (DHCP; static pool; refs list; machine override; networkConfig; EFI+SecureBoot; TPM) are admitted in both versions.",
  },
  {
    number: 16,
    area: "Webhooks",
    sentence: "`vmNetworkConfig` with only `ipPoolRefs` is admitted (both levels).",
  },
  { number: 17, area: "Webhooks", sentence: "Dry-run create runs the same rules; delete always admitted." },
  {
    number: 18,
    area: "Webhooks",
    sentence: "Removing a finalizer from an object that breaks a rule succeeds.",
  },
  {
    number: 19,
    area: "Webhooks",
    sentence:
      "`volumeSize` missing is rejected (or defaulted), `networkConfig.address` must parse, pool-mode LB without pool is rejected.",
  },
  {
    number: 20,
    area: "Webhooks",
    sentence: "Webhooks off (`--enable-webhooks` absent) -> controllers still work.",
  },
  { number: 21, area: "Cluster provisioning", sentence: "Owner Cluster missing -> no H call." },
  {
    number: 22,
    area: "Cluster provisioning",
    sentence:
      "Identity Secret missing -> `HarvesterConnectionReady=False/HarvesterAuthenticationFailed`, not ready, retried.",
  },
  {
    number: 23,
    area: "Cluster provisioning",
    sentence:
      "Kubeconfig malformed (no context, no cluster, no server) -> same condition with cause in message.",
  },
  {
    number: 24,
    area: "Cluster provisioning",
    sentence: "Harvester Deployment absent/unavailable -> `HarvesterConnectionFailed`.",
  },
  {
    number: 25,
    area: "Cluster provisioning",
    sentence: "Secret update re-triggers reconcile of clusters that use it.",
  },
  {
    number: 26,
    area: "Cluster provisioning",
    sentence: "`spec.server` reflects the kubeconfig's current-context server.",
  },
  {
    number: 27,
    area: "Cluster provisioning",
    sentence: "targetNamespace created when absent; condition True right after a successful create.",
  },
  {
    number: 28,
    area: "Cluster provisioning",
    sentence:
      "dhcp: placeholder Service `<ns>-<name>-lb` with `loadBalancerIP 0.0.0.0` and the fields of the Go provider is created before any machine.",
  },
  {
    number: 29,
    area: "Cluster provisioning",
    sentence:
      "When the Service gets an ingress IP, `controlPlaneEndpoint={ip,6443}`, ready and provisioned become true.",
  },
  {
    number: 30,
    area: "Cluster provisioning",
    sentence:
      "pool + ipPoolRef: an IP of that pool is reserved under id `<targetNamespace>/<lb>` and put on the Service.",
  },
  {
    number: 31,
    area: "Cluster provisioning",
    sentence:
      "pool + inline ipPool: IPPool `<ns>-<name>-ippool` created with range and `selector.network`, name stored in `ipPoolRef`, `CustomIPPoolCreated=True`; first attempt tolerates `available` not yet computed.",
  },
  {
    number: 32,
    area: "Cluster provisioning",
    sentence: "Pool missing or exhausted -> error condition, retried, no crash.",
  },
  {
    number: 33,
    area: "Cluster provisioning",
    sentence: "Re-entering the step does not allocate a second time or log duplicate-allocation errors.",
  },
  {
    number: 34,
    area: "Cluster provisioning",
    sentence:
      "After the first CP VM exists a LoadBalancer CR with listeners (user + api-server), health check on 6443 and selector `harvestercluster/machinetype=controlplane-<cluster>` exists.",
  },
  {
    number: 35,
    area: "Cluster provisioning",
    sentence: "`LoadBalancerReady` and `InfrastructureReady` become True once `status.address` is set.",
  },
  {
    number: 36,
    area: "Cluster provisioning",
    sentence: "Existing LB/Service/pool (AlreadyExists) is tolerated.",
  },
  { number: 37, area: "Cluster provisioning", sentence: "Listener changes and a deleted LB are repaired." },
  { number: 38, area: "Cluster provisioning", sentence: "`loadBalancerConfig.description` is honoured." },
  {
    number: 39,
    area: "Cluster provisioning",
    sentence:
      "RFC1035 naming: upper case, digits first, dots are normalised to the same names CAPHV yields for names < 63 chars; longer names stay unique.",
  },
  {
    number: 40,
    area: "Cluster provisioning",
    sentence:
      "updateCloudProviderConfig set: SA, CRB to `harvesterhci.io:cloudprovider`, token Secret on H; ConfigMap key now holds a manifest whose Secret `kube-system/<name>` has `data[<key>]` = kubeconfig pointing at the VIP:6443 (fallback server), other documents unchanged in meaning.",
  },
  {
    number: 41,
    area: "Cluster provisioning",
    sentence: "Secret document absent in the manifest -> appended.",
  },
  {
    number: 42,
    area: "Cluster provisioning",
    sentence: "ConfigMap or key missing -> error naming it; LB creation waits; a condition says so.",
  },
  {
    number: 43,
    area: "Cluster provisioning",
    sentence: "updateCloudProviderConfig unset -> `CloudProviderConfigReady=True` and nothing is created.",
  },
  {
    number: 44,
    area: "Cluster provisioning",
    sentence:
      "ConfigMap reset by the user -> credentials are re-injected; two same-named clusters get separate SAs; credentials are removed with the cluster.",
  },
  {
    number: 45,
    area: "Cluster provisioning",
    sentence:
      "Failure domains: all hosts zone-labelled -> zones; otherwise hosts; sorted; attribute `topologyKey`; nodes list forbidden -> warning only.",
  },
  {
    number: 46,
    area: "Cluster provisioning",
    sentence: "Cordoned/NotReady/witness hosts excluded; host-level pinning is optional/soft.",
  },
  {
    number: 47,
    area: "Cluster provisioning",
    sentence: "ipPoolRef/ipPoolRefs checked: missing pool -> `VMIPPoolReady=False` naming it.",
  },
  {
    number: 48,
    area: "Cluster provisioning",
    sentence:
      "Inline VM pool created as `<ns>-<name>-vm-ippool`, `VMIPPoolCreatedByController=True`; pre-existing pool of that name is used but not owned.",
  },
  {
    number: 49,
    area: "Cluster provisioning",
    sentence:
      "Pause via Cluster.spec.paused or annotation `cluster.x-k8s.io/paused` -> `Paused=True`, zero H calls; unpause resumes at once.",
  },
  {
    number: 50,
    area: "Cluster provisioning",
    sentence:
      "rancher-auto-import label absent -> FleetIntegrationReady=True/NotApplicable; present -> fleetWorkspaceName and labels set as the Go provider does; with shipped RBAC.",
  },
  {
    number: 51,
    area: "Machine provisioning",
    sentence:
      "Waits for owner Machine, cluster infrastructure, bootstrap data in that order, with `InfrastructureReady` condition.",
  },
  {
    number: 52,
    area: "Machine provisioning",
    sentence:
      "Finalizer `harvestermachine.../finalizer` is on the object before the first H write; legacy finalizers are migrated.",
  },
  {
    number: 53,
    area: "Machine provisioning",
    sentence:
      "VM object equals the Go provider's (golden test) for: 1 image disk DHCP; image+data disk; 2 NICs; CP; worker; EFI; SecureBoot; TPM; node/workload affinity.",
  },
  {
    number: 54,
    area: "Machine provisioning",
    sentence: "`runStrategy: Always`; sockets=threads=1; guest memory = limit = request.",
  },
  {
    number: 55,
    area: "Machine provisioning",
    sentence: "Boot order only when > 0; disk names `disk-<i>`; cloud-init disk last.",
  },
  {
    number: 56,
    area: "Machine provisioning",
    sentence:
      "volumeClaimTemplates annotation is valid JSON of PVCs with RWX/Block default, size, class, imageId; access/volume mode configurable.",
  },
  {
    number: 57,
    area: "Machine provisioning",
    sentence:
      "Image found by display name or resource name, `ns/name` or bare (targetNamespace); class from image status, fallback `longhorn-<name>`.",
  },
  {
    number: 58,
    area: "Machine provisioning",
    sentence:
      "Missing image / keypair -> `VMProvisioningReady=False/VMProvisioningFailed` with the name in the message; no VM, no stray PVC.",
  },
  {
    number: 59,
    area: "Machine provisioning",
    sentence: "KeyPair `ns/name` or bare resolved in targetNamespace; public key ends in userdata.",
  },
  {
    number: 60,
    area: "Machine provisioning",
    sentence:
      "cloud-init Secret `<name>-cloud-init` has lower-case `userdata` (and `networkdata` only for static).",
  },
  {
    number: 61,
    area: "Machine provisioning",
    sentence:
      "Merge semantics of the Go provider hold for all seven list keys and last-wins scalars; malformed bootstrap data -> error, no VM.",
  },
  {
    number: 62,
    area: "Machine provisioning",
    sentence: "Jinja header and non-cloud-config formats pass through unharmed.",
  },
  {
    number: 63,
    area: "Machine provisioning",
    sentence: "Static network-config v1 golden: 1 NIC, 2 NICs, 3 NICs, DNS, DNS+search.",
  },
  {
    number: 64,
    area: "Machine provisioning",
    sentence: "networkConfig carries its own mask/prefix; NIC selected by MAC rather than `eth0`.",
  },
  {
    number: 65,
    area: "Machine provisioning",
    sentence:
      "DHCP mode: no networkdata; bootcmd has script then one dhclient line per NIC (`-1`, never `-d`).",
  },
  {
    number: 66,
    area: "Machine provisioning",
    sentence:
      "Precedence: spec.networkConfig > machine vmNetworkConfig > cluster vmNetworkConfig > DHCP; machine-level object replaces, does not merge.",
  },
  {
    number: 67,
    area: "Machine provisioning",
    sentence:
      "Allocation: first free IP round-robin, gateway skipped, `allocatedIPAddress` + `allocatedPoolRef` set, `VMIPAllocated=True`.",
  },
  {
    number: 68,
    area: "Machine provisioning",
    sentence: "Pool order fallback: pool-a (2 IPs) then pool-b; 4 machines split 2+2.",
  },
  {
    number: 69,
    area: "Machine provisioning",
    sentence:
      "All exhausted -> `VMIPAllocated=False`, counter +1, retried; reason `VMIPPoolExhausted` and recovery within 30 s of a free IP.",
  },
  {
    number: 70,
    area: "Machine provisioning",
    sentence:
      "Pool with selector.network only serves machines on that network; no match -> explicit error listing pools and networks.",
  },
  {
    number: 71,
    area: "Machine provisioning",
    sentence: "Allocation is idempotent: crash after pool write but before status write reuses the same IP.",
  },
  {
    number: 72,
    area: "Machine provisioning",
    sentence:
      "Two controllers/100 concurrent machines on one pool: no duplicates, no lost reservations (optimistic lock with in-place retry).",
  },
  {
    number: 73,
    area: "Machine provisioning",
    sentence: "Historic IP of the same id is preferred; if taken by another id a fresh IP is used.",
  },
  {
    number: 74,
    area: "Machine provisioning",
    sentence: "providerID = `harvester://<VM uid>` unless the node already carries one.",
  },
  {
    number: 75,
    area: "Machine provisioning",
    sentence:
      "`status.addresses` contains the VM's IPs as ExternalIP; InternalIP/Hostname too, CNI interfaces filtered, static IP usable without guest agent.",
  },
  {
    number: 76,
    area: "Machine provisioning",
    sentence:
      "`provisioned` goes true once and never flaps while an address is absent; number of status writes while waiting for an IP is bounded.",
  },
  {
    number: 77,
    area: "Machine provisioning",
    sentence:
      "Node init: providerID set and uninitialized taint removed within 10 s of node registration; other taints kept; existing providerID untouched.",
  },
  {
    number: 78,
    area: "Machine provisioning",
    sentence: "A late-registering node is still initialised (no MachineHealthCheck needed).",
  },
  {
    number: 79,
    area: "Machine provisioning",
    sentence: "Workload API unreachable -> machine still progresses, other machines are not delayed.",
  },
  {
    number: 80,
    area: "Machine provisioning",
    sentence:
      "`status.failureDomain` = assigned domain; VM has the required (or configured) affinity on the domain's topology key, AND-ed with user terms; spec is not modified.",
  },
  {
    number: 81,
    area: "Machine provisioning",
    sentence: "Owner Machine's failureDomain beats the HarvesterMachine field.",
  },
  {
    number: 82,
    area: "Machine provisioning",
    sentence: "VM Halted on H -> ready=false; started again -> ready=true.",
  },
  {
    number: 83,
    area: "Machine provisioning",
    sentence:
      "VM deleted behind our back -> machine is reported failed/not found and never silently recreated.",
  },
  {
    number: 84,
    area: "Machine provisioning",
    sentence: "VM with the same name not owned by us is neither adopted, overwritten nor deleted.",
  },
  {
    number: 85,
    area: "Machine provisioning",
    sentence:
      "Adoption: objects restored on a new management cluster with spec.providerID set find their VM (same name/targetNamespace) and become ready without creating anything.",
  },
  {
    number: 86,
    area: "Deletion",
    sentence:
      "Worker delete: VM, disks of this VM, cloud-init Secret gone, IP back, finalizer removed, in that observable end state.",
  },
  { number: 87, area: "Deletion", sentence: "VM already gone -> disks and Secret still cleaned." },
  {
    number: 88,
    area: "Deletion",
    sentence:
      "IP is released only after VM and VMI are gone, exactly once, only if still owned by this machine; `available` stays consistent.",
  },
  {
    number: 89,
    area: "Deletion",
    sentence: "`allocatedPoolRef` decides the pool; empty -> first configured pool.",
  },
  {
    number: 90,
    area: "Deletion",
    sentence:
      "CP delete with healthy peers: etcd member removed before the VM is destroyed; exact-name match, not when it would lose quorum, last member skipped.",
  },
  {
    number: 91,
    area: "Deletion",
    sentence:
      "etcd unreachable -> deletion still completes; error counter increments and a condition/event tells.",
  },
  {
    number: 92,
    area: "Deletion",
    sentence: "Deleting while H is down: retried with bounded backoff; documented force path.",
  },
  {
    number: 93,
    area: "Deletion",
    sentence:
      "Identity Secret deleted first: deletion still completes or is blocked by a finalizer on the Secret.",
  },
  {
    number: 94,
    area: "Deletion",
    sentence:
      "Cluster delete removes LB, Service, generated pools (LB and controller-made VM pool) and keeps referenced pools.",
  },
  {
    number: 95,
    area: "Deletion",
    sentence: "Cluster deleted before the first CP VM in pool mode completes (LB IP released).",
  },
  { number: 96, area: "Deletion", sentence: "SA, ClusterRoleBinding, token removed." },
  { number: 97, area: "Deletion", sentence: "Legacy finalizers are removed too." },
  {
    number: 98,
    area: "Deletion",
    sentence:
      "Deleting a Cluster with 3 CP + 2 workers leaves nothing of ours on H (VM, VMI, PVC, Secret, Service, LB, pool entries, SA, CRB).",
  },
  {
    number: 99,
    area: "Scale, upgrade, remediation (end to end)",
    sentence: "Scale MD 1->3->1 leaves no orphan PVC/IP.",
  },
  { number: 100, area: "Scale, upgrade, remediation (end to end)", sentence: "CP 1->3->1 keeps quorum." },
  {
    number: 101,
    area: "Scale, upgrade, remediation (end to end)",
    sentence: "Rolling version upgrade replaces nodes one by one.",
  },
  {
    number: 102,
    area: "Scale, upgrade, remediation (end to end)",
    sentence: "MHC remediation of a worker and of a CP converges.",
  },
  {
    number: 103,
    area: "Scale, upgrade, remediation (end to end)",
    sentence: "Multi-disk VM shows both disks in guest order.",
  },
  {
    number: 104,
    area: "Scale, upgrade, remediation (end to end)",
    sentence: "Provider upgrade (old controller's objects, v1alpha1 stored) needs no action; VMs untouched.",
  },
  {
    number: 105,
    area: "Scale, upgrade, remediation (end to end)",
    sentence:
      "Switching from CAPHV to ours on a live cluster: no VM restarted, no IP changed, no finalizer stuck.",
  },
  {
    number: 106,
    area: "Metrics and observability",
    sentence: "All 17 metric names of the Go provider exist with the same types and labels.",
  },
  { number: 107, area: "Metrics and observability", sentence: "`operation` label values `normal`,`delete`." },
  {
    number: 108,
    area: "Metrics and observability",
    sentence: "`caphv_machine_status` series disappears when the machine does.",
  },
  { number: 109, area: "Metrics and observability", sentence: "Dashboard JSON panels all resolve." },
  {
    number: 110,
    area: "Metrics and observability",
    sentence: "error counters move on injected failures; creation duration spans create->address.",
  },
  {
    number: 111,
    area: "Metrics and observability",
    sentence: "Endpoint reachable via the shipped Service/ServiceMonitor with authn.",
  },
  {
    number: 112,
    area: "Metrics and observability",
    sentence: "Kubernetes Events for create/delete/allocate/etcd/node-init outcomes.",
  },
  {
    number: 113,
    area: "Metrics and observability",
    sentence: "Logs never contain bootstrap data or tokens at any level.",
  },
  {
    number: 114,
    area: "Manager",
    sentence:
      "Flags `--metrics-bind-address`, `--health-probe-bind-address`, `--leader-elect`, `--enable-webhooks` accepted with same defaults.",
  },
  {
    number: 115,
    area: "Manager",
    sentence: "`/healthz`,`/readyz` answer; readyz false until caches synced and certs loaded.",
  },
  {
    number: 116,
    area: "Manager",
    sentence: "Two replicas with leader election: exactly one acts; failover < 30 s.",
  },
  { number: 117, area: "Manager", sentence: "Restart mid-create/mid-delete converges without duplicates." },
  {
    number: 118,
    area: "Manager",
    sentence: "Concurrency configurable; 1 dead cluster does not slow 99 healthy ones.",
  },
  {
    number: 119,
    area: "Manager",
    sentence: "Runs as non-root under `restricted` PSA; RBAC is least privilege.",
  },
  {
    number: 120,
    area: "Manager",
    sentence: "Webhook cert rotation by cert-manager is picked up without restart.",
  },
  { number: 121, area: "CLI", sentence: "generate: every flag of the Go provider with its default." },
  { number: 122, area: "CLI", sentence: "Missing required flag -> non-zero exit naming it." },
  {
    number: 123,
    area: "CLI",
    sentence: "CRS mode emits the kinds/names of the Go provider; Fleet mode likewise.",
  },
  {
    number: 124,
    area: "CLI",
    sentence: "`--ip-pool-refs` fills ipPoolRefs and clears ipPoolRef; `--ip-pool` the reverse.",
  },
  {
    number: 125,
    area: "CLI",
    sentence: "`--extra-disk 10Gi:longhorn` adds a second volume with that class.",
  },
  { number: 126, area: "CLI", sentence: "`+rke2r1` suffix exactly once." },
  {
    number: 127,
    area: "CLI",
    sentence: "Output is valid multi-document YAML accepted by server-side dry-run.",
  },
  { number: 128, area: "CLI", sentence: "`--apply` pipes to kubectl; default prints." },
  { number: 129, area: "CLI", sentence: "`--interactive` asks the same questions." },
  { number: 130, area: "CLI", sentence: "MHC values 34%/20m/5m." },
  {
    number: 131,
    area: "CLI",
    sentence:
      "Two clusters in one namespace do not share credentials; re-apply does not wipe them; target namespace selectable.",
  },
  {
    number: 132,
    area: "CLI",
    sentence:
      "backup: flags, default directory name, file set of the Go provider; namespace filter; missing kinds tolerated; etcd snapshot option.",
  },
  {
    number: 133,
    area: "CLI",
    sentence:
      "Identity Secrets, kubeconfigs, templates, addon ConfigMaps, IPPools included; restore is paused and does not lose or delete VMs.",
  },
  {
    number: 134,
    area: "ClusterClass / packaging",
    sentence: "16 variables with types/defaults/required of the Go provider.",
  },
  {
    number: 135,
    area: "ClusterClass / packaging",
    sentence: "Each ClusterClass patch of the Go provider has the stated effect (render tests).",
  },
  {
    number: 136,
    area: "ClusterClass / packaging",
    sentence: "cisProfile + fipsRequired compose into one preRKE2Commands list.",
  },
  {
    number: 137,
    area: "ClusterClass / packaging",
    sentence: "ClusterClass usable in the Cluster's namespace.",
  },
  {
    number: 138,
    area: "ClusterClass / packaging",
    sentence: "Six flavors render with their variables; stig flavor self-contained.",
  },
  {
    number: 139,
    area: "ClusterClass / packaging",
    sentence:
      "Helm values of the Go provider accepted; webhooks.enabled toggles webhook objects; clusterClass.enabled toggles the class.",
  },
  {
    number: 140,
    area: "ClusterClass / packaging",
    sentence: "Chart's CRDs, image and webhooks match the release.",
  },
  {
    number: 141,
    area: "ClusterClass / packaging",
    sentence: "Release ships components, metadata, six templates, ClusterClass; image multi-arch, signed.",
  },
  {
    number: 142,
    area: "ClusterClass / packaging",
    sentence: "Docs list every condition, reason, metric and flag that really exists.",
  },
];

// Command kubevirt-crds prints, as one JSON array, the CustomResourceDefinitions that KubeVirt's operator installs. KubeVirt
// generates them from its Go types and publishes them nowhere as files of a module.
package main

import (
	"encoding/json"
	"log"
	"os"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"kubevirt.io/kubevirt/pkg/virt-operator/resource/generate/components"
)

func main() {
	generators := []func() (*apiextensionsv1.CustomResourceDefinition, error){
		components.NewVirtualMachineCrd,
		components.NewVirtualMachineInstanceCrd,
		components.NewVirtualMachineInstanceMigrationCrd,
		components.NewVirtualMachineSnapshotCrd,
		components.NewVirtualMachineSnapshotContentCrd,
		components.NewVirtualMachineRestoreCrd,
	}
	definitions := make([]*apiextensionsv1.CustomResourceDefinition, 0, len(generators))
	for _, generate := range generators {
		definition, err := generate()
		if err != nil {
			log.Fatal(err)
		}
		definitions = append(definitions, definition)
	}
	if err := json.NewEncoder(os.Stdout).Encode(definitions); err != nil {
		log.Fatal(err)
	}
}

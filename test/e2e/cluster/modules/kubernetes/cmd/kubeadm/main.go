package main
import ("k8s.io/kubernetes/cmd/kubeadm/app"; e "k8s.io/kubernetes/cmd/kubeadm/app/util/errors")
func main() { e.HandleError(app.Run()) }

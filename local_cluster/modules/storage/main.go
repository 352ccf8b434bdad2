// Storage makes a directory for each claim of the cluster's StorageClass, and
// removes it with the claim. It runs on the node, beside the other components.
package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// directories provides volumes as directories under root.
type directories struct {
	root string
}

// Provision makes the directory of a new volume. Any user may write to it, as a
// claim does not say which user will.
func (d directories) Provision(
	_ context.Context, options controller.ProvisionOptions,
) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	path := filepath.Join(d.root, options.PVName)
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	if err := os.Chmod(path, 0o777); err != nil { // the umask took bits from MkdirAll's mode
		return nil, controller.ProvisioningFinished, err
	}
	kind := v1.HostPathDirectory
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   options.PVC.Spec.AccessModes,
			Capacity: v1.ResourceList{
				v1.ResourceStorage: options.PVC.Spec.Resources.Requests[v1.ResourceStorage],
			},
			PersistentVolumeSource: v1.PersistentVolumeSource{
				HostPath: &v1.HostPathVolumeSource{Path: path, Type: &kind},
			},
		},
	}, controller.ProvisioningFinished, nil
}

// Delete removes the volume's directory. The path comes from the volume's name
// and not from its spec, so that an edited volume cannot point elsewhere.
func (d directories) Delete(_ context.Context, volume *v1.PersistentVolume) error {
	return os.RemoveAll(filepath.Join(d.root, volume.Name))
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "file that says how to reach the API server")
	root := flag.String("root", "", "directory that holds the volumes")
	name := flag.String("provisioner", "", "the StorageClass's provisioner")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		klog.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		klog.Fatal(err)
	}
	controller.NewProvisionController(
		ctx, client, *name, directories{*root}, controller.LeaderElection(false),
	).Run(ctx)
}

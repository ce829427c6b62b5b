// Command device-plugin has a node offer GPUs that it does not have: device-plugin RESOURCE COUNT GROUP FOLDER
//
// The render nodes have the numbers and rights of real ones and no driver, so that whoever may open one is told that
// there is no such device, and whoever may not is told so. It makes them in FOLDER, says "registered" when the kubelet
// knows of them, and takes all of it away when its standard input ends.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const (
	// The kernel's numbers of render nodes.
	major       = 226
	firstMinor  = 128
	inContainer = "/dev/dri"
)

// plugin hands out the render nodes of a folder, which are also the devices' identities.
type plugin struct {
	api.UnimplementedDevicePluginServer
	folder string
	names  []string
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: device-plugin RESOURCE COUNT GROUP FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(resource, count, group, folder string) error {
	number, err := strconv.Atoi(count)
	if err != nil {
		return fmt.Errorf("COUNT: %w", err)
	}
	gid, err := strconv.Atoi(group)
	if err != nil {
		return fmt.Errorf("GROUP: %w", err)
	}
	// What another one left, that was killed, is in the way.
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	names, err := makeRenderNodes(folder, number, gid)
	if err != nil {
		return err
	}

	endpoint := fmt.Sprintf("embedserve-%d.sock", os.Getpid())
	socket := filepath.Join(api.DevicePluginPath, endpoint)
	defer os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	defer server.Stop()
	api.RegisterDevicePluginServer(server, plugin{folder: folder, names: names})
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if err := register(resource, endpoint); err != nil {
		return err
	}
	fmt.Println("registered")

	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		ended <- err
	}()
	select {
	case err := <-failed:
		return err
	case err := <-ended:
		return err
	}
}

// makeRenderNodes makes so many, which only the group may use, and returns their names.
func makeRenderNodes(folder string, count, group int) ([]string, error) {
	if err := os.Mkdir(folder, 0o755); err != nil {
		return nil, err
	}
	var names []string
	for minor := firstMinor; minor < firstMinor+count; minor++ {
		name := fmt.Sprintf("renderD%d", minor)
		path := filepath.Join(folder, name)
		if err := syscall.Mknod(path, syscall.S_IFCHR, major<<8|minor); err != nil {
			return nil, fmt.Errorf("mknod %s: %w", path, err)
		}
		if err := os.Chown(path, 0, group); err != nil {
			return nil, err
		}
		if err := os.Chmod(path, 0o660); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

func register(resource, endpoint string) error {
	connection, err := grpc.NewClient("unix://"+api.KubeletSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	request := &api.RegisterRequest{Version: api.Version, Endpoint: endpoint, ResourceName: resource}
	_, err = api.NewRegistrationClient(connection).Register(context.Background(), request)
	return err
}

// GetDevicePluginOptions asks for nothing beyond being told which devices a container gets.
func (plugin) GetDevicePluginOptions(context.Context, *api.Empty) (*api.DevicePluginOptions, error) {
	return &api.DevicePluginOptions{}, nil
}

// ListAndWatch names the devices once, because nothing ever happens to them.
func (it plugin) ListAndWatch(_ *api.Empty, stream grpc.ServerStreamingServer[api.ListAndWatchResponse]) error {
	var devices []*api.Device
	for _, name := range it.names {
		devices = append(devices, &api.Device{ID: name, Health: api.Healthy})
	}
	if err := stream.Send(&api.ListAndWatchResponse{Devices: devices}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}

// Allocate says which files each container gets.
func (it plugin) Allocate(_ context.Context, request *api.AllocateRequest) (*api.AllocateResponse, error) {
	response := &api.AllocateResponse{}
	for _, container := range request.ContainerRequests {
		given := &api.ContainerAllocateResponse{}
		for _, name := range container.DevicesIds {
			given.Devices = append(given.Devices, &api.DeviceSpec{
				HostPath:      filepath.Join(it.folder, name),
				ContainerPath: filepath.Join(inContainer, name),
				Permissions:   "rw",
			})
		}
		response.ContainerResponses = append(response.ContainerResponses, given)
	}
	return response, nil
}

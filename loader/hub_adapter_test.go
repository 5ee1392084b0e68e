package loader

import (
	"context"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHubAdapter(t *testing.T) {
	h := newTestHub(t, map[string]string{
		adapterConfigName: "{}", adapterFileName: "lora", "README.md": "trained on ...", "optimizer.pt": "much",
		"checkpoint-5/" + adapterConfigName: "{}", "checkpoint-5/" + adapterFileName: "five",
	})
	dir, err := ResolveAdapter(context.Background(), "org/name", HubOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sameFiles(t, h, dir, adapterConfigName, adapterFileName, "README.md")
}

func TestHubAdapterArg(t *testing.T) {
	h := newTestHub(t, map[string]string{adapterConfigName: "{}", adapterFileName: "lora"})
	const number = "1234567890123456789012345678901234567890" // a commit, too
	for _, revision := range []string{"v1", "2.5", number} {
		h.commits[revision] = testCommit
	}
	dir := inCache("snapshots", testCommit)
	for arg, want := range map[string]AdapterRef{
		"org/name":           {"name", dir, 1},
		"org/name@0.5":       {"name", dir, 0.5},
		"org/name@v1":        {"name", dir, 1},
		"org/name@v1@-2":     {"name", dir, -2},
		"org/name@2.5@1e-3":  {"name", dir, 1e-3},
		"org/name@" + number: {"name", dir, 1},
		"mine=org/name":      {"mine", dir, 1},
		"mine=org/name@v1@0": {"mine", dir, 0},
	} {
		// The model's revision is not the adapter's.
		refs, err := ResolveAdapterArg(context.Background(), arg, HubOptions{Revision: "of-the-model"})
		if err != nil {
			t.Fatalf("%s: %v", arg, err)
		}
		if diff := cmp.Diff([]AdapterRef{want}, refs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", arg, diff)
		}
	}
	for arg, part := range map[string]string{
		"=org/name":       "there is no folder",
		"./org/name":      `there is no folder "./org/name"`,
		"a=./org/name@2":  "there is no folder",
		"org/name@v9":     `--adapter "org/name@v9": `,
		"org/name@inf":    `org/name has no revision "inf"`,
		"org/name@v1@two": "there is no folder",
	} {
		_, err := ResolveAdapterArg(context.Background(), arg, HubOptions{})
		refused(t, err, part)
	}
}

// An adapter's folder here is used before a hub is asked, and an error about it is
// not covered by one of the hub's.
func TestHubAdapterArgOfAFolder(t *testing.T) {
	h := newTestHub(t, nil)
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("org/name", 0o777); err != nil {
		t.Fatal(err)
	}
	_, err := ResolveAdapterArg(context.Background(), "org/name", HubOptions{})
	refused(t, err, "there is neither adapter_config.json nor a checkpoint-N folder")
	writeFile(t, "org/name", adapterConfigName, []byte("{}"))
	refs, err := ResolveAdapterArg(context.Background(), "org/name@2", HubOptions{})
	if diff := cmp.Diff([]AdapterRef{{"name", "org/name", 2}}, refs); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	_, err = ResolveAdapterArg(context.Background(), "org/name@v1", HubOptions{})
	refused(t, err, `the scale "v1" is not a finite number`)
	if log := h.requests(); len(log) > 0 {
		t.Errorf("requests %q", log)
	}
}

func TestHubAdapterCheckpoints(t *testing.T) {
	files := map[string]string{"README.md": "a run", "checkpoint-x/" + adapterConfigName: "{}", "logs/" + adapterConfigName: "{}"}
	h := newTestHub(t, files)
	var want []AdapterRef
	for _, folder := range []string{"checkpoint-2", "checkpoint-10"} {
		files[folder+"/"+adapterConfigName] = "{}"
		files[folder+"/"+adapterFileName] = folder
		want = append(want, AdapterRef{"name@" + folder, inCache("snapshots", testCommit, folder), 1})
	}
	for _, offline := range []string{"", "1"} {
		t.Setenv("HF_HUB_OFFLINE", offline)
		refs, err := ResolveAdapterArg(context.Background(), "org/name", HubOptions{})
		if diff := cmp.Diff(want, refs); err != nil || diff != "" {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
		sameFiles(t, h, inCache("snapshots", testCommit), "README.md", "checkpoint-2/"+adapterConfigName,
			"checkpoint-2/"+adapterFileName, "checkpoint-10/"+adapterConfigName, "checkpoint-10/"+adapterFileName)
	}
}

func TestHubAdapterRefused(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a model":      {wholeModel(), "it is a model, not an adapter"},
		"nothing":      {map[string]string{"README.md": ""}, "there is neither adapter_config.json nor a checkpoint-N folder"},
		"pickle":       {map[string]string{adapterConfigName: "{}", adapterPickleName: ""}, `"adapter_model.bin", a pickle`},
		"a checkpoint": {map[string]string{"checkpoint-1/" + adapterConfigName: "{}"}, "there is no checkpoint-1/adapter_model.safetensors"},
	} {
		t.Run(name, func(t *testing.T) {
			newTestHub(t, test.files)
			_, err := ResolveAdapter(context.Background(), "org/name", HubOptions{})
			refused(t, err, "org/name@main: ", test.want)
		})
	}
}

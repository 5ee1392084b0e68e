package loader

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/go-cmp/cmp"
)

// pythonCache writes the files the way huggingface_hub 2.4.0 leaves them.
func pythonCache(t *testing.T, files map[string]string, names ...string) {
	t.Helper()
	for _, dir := range []string{inCache("blobs"), inCache("refs"), inCache("snapshots", testCommit)} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, inCache("refs"), "main", []byte(testCommit))
	for _, name := range names {
		blob := gitIDOf(files[name])
		if filepath.Ext(name) == ".safetensors" {
			blob = sha256Of(files[name])
		}
		writeFile(t, inCache("blobs"), blob, []byte(files[name]))
		if err := os.Symlink(filepath.Join("..", "..", "blobs", blob), inCache("snapshots", testCommit, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHubUsesPythonsCache(t *testing.T) {
	h := newTestHub(t, wholeModel())
	pythonCache(t, h.files, wantedOfWholeModel[:3]...)
	mustResolve(t, h, "org/name", HubOptions{}, wantedOfWholeModel...)
	want := []string{"GET hub /api/models/org/name/revision/main", "GET hub /org/name/resolve/" + testCommit + "/tokenizer_config.json"}
	if diff := cmp.Diff(want, h.requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestHubOffline(t *testing.T) {
	h := newTestHub(t, wholeModel())
	t.Setenv("HF_HUB_OFFLINE", "1")
	refused(t, failing(t, "org/name", HubOptions{}), "org/name@main: HF_HUB_OFFLINE is set, and the cache ", " does not hold it")
	refused(t, failing(t, "org/name@"+testCommit, HubOptions{}), "does not hold it")

	pythonCache(t, h.files, "config.json")
	refused(t, failing(t, "org/name", HubOptions{}), "there is no model.safetensors", "HF_HUB_OFFLINE is set", testCommit)
	os.RemoveAll(inCache())
	pythonCache(t, h.files, "config.json", "model.safetensors")
	mustResolve(t, h, "org/name", HubOptions{}, "config.json", "model.safetensors")
	mustResolve(t, h, "org/name@"+testCommit, HubOptions{}, "config.json", "model.safetensors")
	refused(t, failing(t, "org/name@v1", HubOptions{}), "org/name@v1: HF_HUB_OFFLINE is set")

	os.Remove(weightsBlob(h)) // the link leads nowhere
	refused(t, failing(t, "org/name", HubOptions{}), "model.safetensors is not whole in the cache")
	writeFile(t, inCache("refs"), "main", []byte("../../../etc"))
	refused(t, failing(t, "org/name", HubOptions{}), `"../../../etc" is not a commit`)
	if log := h.requests(); len(log) > 0 {
		t.Errorf("requests %q", log)
	}
}

// Where the hub does not answer, or not to this user, the cache still serves; where
// it says that there is no such thing, it does not.
func TestHubFallsBackToTheCache(t *testing.T) {
	for status, cached := range map[int]bool{401: true, 403: true, 429: true, 503: true, 404: false} {
		h := newTestHub(t, wholeModel())
		pythonCache(t, h.files, wantedOfWholeModel...)
		h.refuse = func(w http.ResponseWriter, r *http.Request) bool {
			w.WriteHeader(status)
			return true
		}
		var progress bytes.Buffer
		dir, err := ResolveModel(context.Background(), "org/name", HubOptions{Progress: &progress})
		if (err == nil) != cached {
			t.Fatalf("%d: %q, %v", status, dir, err)
		}
		if told := strings.Contains(progress.String(), "using the cached copy of org/name@main"); told != cached {
			t.Errorf("%d: progress %q", status, progress.String())
		}
	}
	h := newTestHub(t, wholeModel())
	pythonCache(t, h.files, wantedOfWholeModel...)
	h.Close()
	mustResolve(t, h, "org/name", HubOptions{}, wantedOfWholeModel...)
	os.RemoveAll(inCache())
	if err := failing(t, "org/name", HubOptions{}, "no whole answer from 127.0.0.1", "refused"); errors.Is(err, ErrInput) {
		t.Errorf("a hub that is down is called bad input: %v", err)
	}
}

func TestHubRefusesLinksOutOfTheCache(t *testing.T) {
	h := newTestHub(t, wholeModel())
	pythonCache(t, h.files, wantedOfWholeModel...)
	secret := writeFile(t, t.TempDir(), "secret", []byte("of the user"))
	pointer := inCache("snapshots", testCommit, "config.json")
	for _, offline := range []string{"", "1"} {
		t.Setenv("HF_HUB_OFFLINE", offline)
		os.Remove(pointer)
		if err := os.Symlink(secret, pointer); err != nil {
			t.Fatal(err)
		}
		refused(t, failing(t, "org/name", HubOptions{}), "config.json: leads out of the cache, to")
	}

	// Nor is a blob written through a link that waits at its place.
	t.Setenv("HF_HUB_OFFLINE", "")
	os.RemoveAll(inCache("snapshots"))
	os.Remove(weightsBlob(h))
	if err := os.Symlink(secret, weightsBlob(h)+incompleteSuffix); err != nil {
		t.Fatal(err)
	}
	refused(t, failing(t, "org/name", HubOptions{}), incompleteSuffix+": is not a regular file")
	if data, _ := os.ReadFile(secret); string(data) != "of the user" {
		t.Errorf("the file outside is now %q", data)
	}
}

// A cache on another disk, or a single repository there, is the user's choice.
func TestHubCacheBehindALink(t *testing.T) {
	h := newTestHub(t, wholeModel())
	elsewhere := t.TempDir()
	if err := os.MkdirAll(filepath.Dir(inCache()), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, inCache()); err != nil {
		t.Fatal(err)
	}
	mustResolve(t, h, "org/name", HubOptions{}, wantedOfWholeModel...)
	mustResolve(t, h, "org/name", HubOptions{}, wantedOfWholeModel...)
}

// A file that was damaged in the cache has another size, mostly, and is replaced.
func TestHubReplacesADamagedBlob(t *testing.T) {
	h := newTestHub(t, wholeModel())
	pythonCache(t, h.files, wantedOfWholeModel...)
	if err := os.Truncate(weightsBlob(h), 100); err != nil {
		t.Fatal(err)
	}
	mustResolve(t, h, "org/name", HubOptions{}, wantedOfWholeModel...)
}

func TestHubHostileIndex(t *testing.T) {
	for name, test := range map[string]struct{ index, want string }{
		"leads out":   {`{"weight_map":{"a":"../../../x.safetensors"}}`, "is not a plain file name"},
		"not listed":  {`{"weight_map":{"a":"other.safetensors"}}`, `there is no "other.safetensors", which model.safetensors.index.json names`},
		"not weights": {`{"weight_map":{"a":"config.json"}}`, "is not a .safetensors file"},
		"no JSON":     {`<html>`, "is not valid JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newTestHub(t, map[string]string{"config.json": "{}", indexName: test.index})
			h.listed = []string{"../../../x.safetensors"}
			refused(t, failing(t, "org/name", HubOptions{}), test.want)
		})
	}
}

func TestHubWaitsForALock(t *testing.T) {
	h := newTestHub(t, wholeModel())
	dir := filepath.Join(os.Getenv("HF_HOME"), "hub", ".locks", "models--org--name")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	lock := flock.New(filepath.Join(dir, filepath.Base(weightsBlob(h))+".lock"))
	if held, err := lock.TryLock(); !held || err != nil {
		t.Fatal(held, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var progress bytes.Buffer
	_, err := ResolveModel(ctx, "org/name", HubOptions{Progress: &progress})
	if !errors.Is(err, context.DeadlineExceeded) || exists(weightsBlob(h)) {
		t.Errorf("error %v", err)
	}
	if want := "waiting for another process that downloads model.safetensors"; !strings.Contains(progress.String(), want) {
		t.Errorf("progress does not say %q:\n%s", want, progress.String())
	}
	lock.Close()
	mustResolve(t, h, "org/name", HubOptions{}, wantedOfWholeModel...)
}

package loader

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// resolveFast is ResolveModel with next to no pause between attempts.
func resolveFast(ctx context.Context, id string, progress *bytes.Buffer) (string, error) {
	h, err := newHub(progress)
	if err != nil {
		return "", err
	}
	h.pause = time.Millisecond
	return (&repo{hub: h, id: id, revision: "main"}).resolve(ctx)
}

// weightsBlob is the path of the large file's blob.
func weightsBlob(h *testHub) string { return inCache("blobs", sha256Of(h.files["model.safetensors"])) }

func TestHubResumesInOneRun(t *testing.T) {
	h := newTestHub(t, wholeModel())
	h.cuts["model.safetensors"] = 1
	half := len(h.files["model.safetensors"]) / 2
	mustResolve(t, h, "org/name", HubOptions{}, wantedOfWholeModel...)
	log := h.requests()
	if want := fmt.Sprintf("GET storage /model.safetensors bytes=%d-", half); !slices.Contains(log, want) {
		t.Errorf("no request %q in %q", want, log)
	}
}

func TestHubResumesInTheNextRun(t *testing.T) {
	for _, whole := range []bool{false, true} {
		t.Run(fmt.Sprintf("ranges ignored=%v", whole), func(t *testing.T) {
			h := newTestHub(t, wholeModel())
			h.refuse = func(w http.ResponseWriter, r *http.Request) bool {
				broken := strings.HasSuffix(r.URL.Path, "/model.safetensors") && r.Header.Get("Range") != ""
				if broken {
					w.WriteHeader(http.StatusBadGateway)
				}
				return broken
			}
			h.cuts["model.safetensors"] = 1
			half := len(h.files["model.safetensors"]) / 2
			var progress bytes.Buffer
			_, err := resolveFast(t.Context(), "org/name", &progress)
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("the %d bytes of model.safetensors that came are kept", half)) {
				t.Fatalf("error %v", err)
			}
			if errors.Is(err, ErrInput) {
				t.Errorf("a broken connection is called bad input: %v", err)
			}
			if info, err := os.Stat(weightsBlob(h) + incompleteSuffix); err != nil || info.Size() != int64(half) {
				t.Fatalf("the kept part: %v, %v", info, err)
			}
			if exists(inCache("refs", "main")) || exists(filepath.Join(inCache("snapshots", testCommit), "model.safetensors")) {
				t.Error("an incomplete snapshot is recorded as complete")
			}

			h.refuse, h.whole = nil, whole
			h.requests()
			dir, err := resolveFast(t.Context(), "org/name", &progress)
			if err != nil {
				t.Fatal(err)
			}
			sameFiles(t, h, dir, wantedOfWholeModel...)
			if log := h.requests(); !slices.Contains(log, fmt.Sprintf("GET storage /model.safetensors bytes=%d-", half)) {
				t.Errorf("requests %q", log)
			}
			if want := "from 6.3 KiB on"; !strings.Contains(progress.String(), want) {
				t.Errorf("progress does not say %q:\n%s", want, progress.String())
			}
		})
	}
}

// A range that begins elsewhere is not put where it does not belong.
func TestHubShiftedRange(t *testing.T) {
	h := newTestHub(t, wholeModel())
	h.cuts["model.safetensors"], h.shifted = 1, true
	dir, err := resolveFast(t.Context(), "org/name", &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	sameFiles(t, h, dir, wantedOfWholeModel...)
}

// A part that a crash left with other content is found out by the hash, and the
// file is downloaded anew.
func TestHubDropsADamagedPart(t *testing.T) {
	for name, part := range map[string]string{
		"other content": "not what the weights begin with",
		"too long":      strings.Repeat("x", 20_000),
		"whole length":  strings.Repeat("x", 13_000),
	} {
		t.Run(name, func(t *testing.T) {
			h := newTestHub(t, wholeModel())
			if err := os.MkdirAll(inCache("blobs"), 0o777); err != nil {
				t.Fatal(err)
			}
			writeFile(t, inCache("blobs"), filepath.Base(weightsBlob(h))+incompleteSuffix, []byte(part))
			mustResolve(t, h, "org/name", HubOptions{}, wantedOfWholeModel...)
		})
	}
}

func TestHubWrongContent(t *testing.T) {
	weights := wholeModel()["model.safetensors"]
	for name, test := range map[string]struct{ file, content, want string }{
		"large file":   {"model.safetensors", strings.Replace(weights, "the", "bad", 1), "model.safetensors has the hash"},
		"small file":   {"config.json", `{"model_type":"gemma"}`, "config.json has the hash"},
		"more content": {"model.safetensors", weights + "x", "sends more than the 13000 bytes of model.safetensors"},
		"less content": {"model.safetensors", weights[1:], "no whole answer"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newTestHub(t, wholeModel())
			h.served[test.file] = test.content
			_, err := resolveFast(t.Context(), "org/name", &bytes.Buffer{})
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %v, want %q", err, test.want)
			}
			if exists(filepath.Join(inCache("snapshots", testCommit), test.file)) || exists(weightsBlob(h)) {
				t.Error("the bad file is in the cache")
			}
			bad := filepath.Join(inCache("blobs"), "*"+incompleteSuffix)
			if left, _ := filepath.Glob(bad); len(left) > 0 && strings.Contains(test.want, "hash") {
				t.Errorf("the bad file is kept: %v", left)
			}
			delete(h.served, test.file)
			mustResolve(t, h, "org/name", HubOptions{}, wantedOfWholeModel...)
		})
	}
}

// A connection that stays open and brings nothing is given up, and the download
// goes on from there.
func TestHubStalled(t *testing.T) {
	h := newTestHub(t, wholeModel())
	h.cuts["model.safetensors"], h.stalls = 1, true
	hub, err := newHub(nil)
	if err != nil {
		t.Fatal(err)
	}
	hub.pause, hub.patience = time.Millisecond, 50*time.Millisecond
	dir, err := (&repo{hub: hub, id: "org/name", revision: "main"}).resolve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sameFiles(t, h, dir, wantedOfWholeModel...)
}

func TestHubGivesUp(t *testing.T) {
	h := newTestHub(t, wholeModel())
	h.refuse = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/config.json") {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	}
	_, err := resolveFast(t.Context(), "org/name", &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "answers 503 to the request for config.json") {
		t.Fatalf("error %v", err)
	}
	if log := h.requests(); len(log) != 1+maxFailures {
		t.Errorf("%d requests: %q", len(log), log)
	}
}

func TestHubCancelled(t *testing.T) {
	h := newTestHub(t, wholeModel())
	ctx, cancel := context.WithCancel(t.Context())
	h.refuse = func(http.ResponseWriter, *http.Request) bool { cancel(); return false }
	if _, err := ResolveModel(ctx, "org/name", HubOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestHubSizeLimit(t *testing.T) {
	h := newTestHub(t, wholeModel())
	h.files["config.json"] = strings.Repeat(" ", maxHubSmall+1)
	refused(t, failing(t, "org/name", HubOptions{}), "config.json has 67108865 bytes, more than the 67108864 allowed")
	for _, entry := range h.requests() {
		if strings.Contains(entry, "/resolve/") {
			t.Errorf("request %q", entry)
		}
	}
}

// "git hash-object" (git 2.43) and "sha1sum" (coreutils 9.4) of the six bytes
// "hello\n" print these.
func TestSHA1Sums(t *testing.T) {
	path := writeFile(t, t.TempDir(), "hello", []byte("hello\n"))
	got, err := sha1Sums(path, 6)
	want := []string{"ce013625030ba8dba906f756967f9e9ca394464a", "f572d396fae9206628714fb2ce00f72e94f2258f"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

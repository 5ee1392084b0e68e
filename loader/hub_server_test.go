package loader

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	testToken  = "hf_aVerySecretTokenOfTheUser"
	testCommit = "0123456789abcdef0123456789abcdef01234567"
)

// testHub answers as huggingface.co does: a list of files under /api, small files
// with git's id as their ETag, files in large file storage (here: *.safetensors) by
// a redirect to another server, whose own headers say nothing of use.
type testHub struct {
	*httptest.Server
	storage *httptest.Server

	commits map[string]string // by revision
	files   map[string]string // content by name
	served  map[string]string // content sent in the stead of files'
	listed  []string          // further names in the list
	gated   bool              // files need the token
	bare    bool              // the list holds names only
	whole   bool              // ranges are ignored
	shifted bool              // ranges begin elsewhere
	stalls  bool              // a file that would break off halfway stays open instead
	cuts    map[string]int    // how many more times a file breaks off halfway
	refuse  func(w http.ResponseWriter, r *http.Request) bool

	mu  sync.Mutex
	log []string // "GET hub /path" and what of the headers matters
}

// newTestHub starts a hub that holds org/name, and points the environment at it and
// at an empty cache.
func newTestHub(t *testing.T, files map[string]string) *testHub {
	t.Helper()
	cleanHubEnv(t)
	h := &testHub{commits: map[string]string{"main": testCommit, testCommit: testCommit}, files: files,
		served: map[string]string{}, cuts: map[string]int{}}
	h.Server = httptest.NewServer(http.HandlerFunc(h.serve))
	h.storage = httptest.NewServer(http.HandlerFunc(h.serveStorage))
	t.Cleanup(h.Close)
	t.Cleanup(h.storage.Close)
	t.Setenv("HF_ENDPOINT", h.URL)
	return h
}

// cleanHubEnv takes away what the variables are on this machine.
func cleanHubEnv(t *testing.T) {
	for _, name := range []string{"HF_ENDPOINT", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "XDG_CACHE_HOME"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("HF_HOME", t.TempDir())
}

func (h *testHub) record(server string, r *http.Request) {
	entry := r.Method + " " + server + " " + r.URL.Path
	if r.Header.Get("Authorization") == "Bearer "+testToken {
		entry += " token"
	}
	if from := r.Header.Get("Range"); from != "" {
		entry += " " + from
	}
	h.mu.Lock()
	h.log = append(h.log, entry)
	h.mu.Unlock()
}

// requests returns what was asked for since it was last called.
func (h *testHub) requests() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	log := h.log
	h.log = nil
	return log
}

func (h *testHub) serve(w http.ResponseWriter, r *http.Request) {
	h.record("hub", r)
	if h.refuse != nil && h.refuse(w, r) {
		return
	}
	if revision, ok := strings.CutPrefix(r.URL.Path, "/api/models/org/name/revision/"); ok {
		h.serveList(w, h.commits[revision])
		return
	}
	rest, ok := strings.CutPrefix(r.URL.Path, "/org/name/resolve/")
	revision, name, _ := strings.Cut(rest, "/")
	content, has := h.files[name]
	w.Header().Set("X-Repo-Commit", h.commits[revision])
	switch {
	case !ok:
		answer(w, http.StatusNotFound, "RepoNotFound")
	case !has:
		answer(w, http.StatusNotFound, "EntryNotFound")
	case h.gated && r.Header.Get("Authorization") != "Bearer "+testToken:
		answer(w, http.StatusForbidden, "GatedRepo")
	case path.Ext(name) == ".safetensors":
		w.Header().Set("X-Linked-Etag", `"`+sha256Of(content)+`"`)
		w.Header().Set("X-Linked-Size", fmt.Sprint(len(content)))
		http.Redirect(w, r, h.storage.URL+"/"+name+"?signature=abc", http.StatusFound)
	default:
		w.Header().Set("ETag", `"`+gitIDOf(content)+`"`)
		h.send(w, r, name)
	}
}

func (h *testHub) serveStorage(w http.ResponseWriter, r *http.Request) {
	h.record("storage", r)
	w.Header().Set("ETag", `"storage-has-its-own"`)
	h.send(w, r, strings.TrimPrefix(r.URL.Path, "/"))
}

// send sends a file, or its first half where the connection is to break.
func (h *testHub) send(w http.ResponseWriter, r *http.Request, name string) {
	content, other := h.served[name]
	if !other {
		content = h.files[name]
	}
	if h.shifted && r.Header.Get("Range") != "" {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(content)-1, len(content)))
		w.WriteHeader(http.StatusPartialContent)
		fmt.Fprint(w, content)
		return
	}
	if h.whole {
		r.Header.Del("Range")
	}
	h.mu.Lock()
	cut := h.cuts[name] > 0
	h.cuts[name]--
	h.mu.Unlock()
	if cut && r.Method == http.MethodGet {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		fmt.Fprint(w, content[:len(content)/2])
		http.NewResponseController(w).Flush()
		if h.stalls {
			<-r.Context().Done()
		}
		panic(http.ErrAbortHandler)
	}
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
}

func (h *testHub) serveList(w http.ResponseWriter, commit string) {
	if commit == "" {
		answer(w, http.StatusNotFound, "RevisionNotFound")
		return
	}
	type file = map[string]any
	var siblings []file
	for _, name := range append(sortedKeys(h.files), h.listed...) {
		content := h.files[name]
		f := file{"rfilename": name}
		if !h.bare {
			f["size"], f["blobId"] = len(content), gitIDOf(content)
			if path.Ext(name) == ".safetensors" {
				f["lfs"] = file{"sha256": sha256Of(content), "size": len(content), "pointerSize": 134}
			}
		}
		siblings = append(siblings, f)
	}
	json.NewEncoder(w).Encode(file{"id": "org/name", "sha": commit, "siblings": siblings})
}

// answer refuses a request the way the hub does.
func answer(w http.ResponseWriter, status int, code string) {
	w.Header().Set("X-Error-Code", code)
	w.Header().Set("X-Error-Message", "a sentence\nof the server's")
	w.WriteHeader(status)
}

func sha256Of(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

package loader

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// gitIDOf is what git hash-object prints for the content.
func gitIDOf(content string) string {
	sum := sha1.Sum([]byte(fmt.Sprintf("blob %d\x00%s", len(content), content)))
	return hex.EncodeToString(sum[:])
}

// wholeModel is a repository with more than is needed.
func wholeModel() map[string]string {
	return map[string]string{
		"config.json":              `{"model_type":"llama"}`,
		"model.safetensors":        strings.Repeat("the weights, ", 1000),
		"tokenizer.json":           `{"model":{}}`,
		"tokenizer_config.json":    `{}`,
		"consolidated.safetensors": "the same weights in another form",
		"pytorch_model.bin":        "a pickle",
		"README.md":                "# a model",
		"onnx/model.onnx":          "another form",
	}
}

var wantedOfWholeModel = []string{"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}

// inCache is the path of something that belongs to org/name.
func inCache(parts ...string) string {
	return filepath.Join(append([]string{os.Getenv("HF_HOME"), "hub", "models--org--name"}, parts...)...)
}

// mustResolve resolves a model and demands that its folder holds the files.
func mustResolve(t *testing.T, h *testHub, arg string, o HubOptions, names ...string) (dir string) {
	t.Helper()
	dir, err := ResolveModel(context.Background(), arg, o)
	if err != nil {
		t.Fatal(err)
	}
	sameFiles(t, h, dir, names...)
	return dir
}

func sameFiles(t *testing.T, h *testHub, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(data) != h.files[name] {
			t.Errorf("%s has %d bytes, want %d; %v", name, len(data), len(h.files[name]), err)
		}
	}
	found, err := cachedFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name := range found {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && !info.IsDir() && !slices.Contains(names, name) {
			t.Errorf("%s was downloaded, too", name)
		}
	}
}

// failing demands that a model is refused, in one line without the token.
func failing(t *testing.T, arg string, o HubOptions, parts ...string) error {
	t.Helper()
	dir, err := ResolveModel(context.Background(), arg, o)
	if err == nil {
		t.Fatalf("%s was accepted as %s, want an error with %q", arg, dir, parts)
	}
	if text := err.Error(); strings.ContainsAny(text, "\n\r") || strings.Contains(text, testToken) {
		t.Errorf("error is more than one line or holds the token: %q", text)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	return err
}

// The cache must be what huggingface_hub makes of the same repository: blobs named
// by SHA-256 or git's id, relative links, the branch's commit in refs.
func TestHubDownload(t *testing.T) {
	h := newTestHub(t, wholeModel())
	h.listed = []string{"../../../../escape.json", "/etc/model.safetensors"}
	dir := mustResolve(t, h, "org/name", HubOptions{}, wantedOfWholeModel...)
	if want := inCache("snapshots", testCommit); dir != want {
		t.Errorf("folder %s, want %s", dir, want)
	}
	for name, blob := range map[string]string{
		"model.safetensors": sha256Of(h.files["model.safetensors"]),
		"config.json":       gitIDOf(h.files["config.json"]),
	} {
		if link, err := os.Readlink(filepath.Join(dir, name)); link != filepath.Join("..", "..", "blobs", blob) {
			t.Errorf("%s leads to %q, %v", name, link, err)
		}
	}
	if ref, err := os.ReadFile(inCache("refs", "main")); string(ref) != testCommit {
		t.Errorf("refs/main is %q, %v", ref, err)
	}
	if left, _ := filepath.Glob(inCache("blobs", "*"+incompleteSuffix)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	h.requests()
	mustResolve(t, h, "org/name", HubOptions{}, wantedOfWholeModel...)
	if diff := cmp.Diff([]string{"GET hub /api/models/org/name/revision/main"}, h.requests()); diff != "" {
		t.Errorf("requests for what is in the cache (-want +got):\n%s", diff)
	}
}

func TestHubShards(t *testing.T) {
	files := map[string]string{
		"config.json":                      `{}`,
		"model.safetensors.index.json":     `{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}`,
		"model-00001-of-00002.safetensors": "first",
		"model-00002-of-00002.safetensors": "second",
		"model-00003-of-00002.safetensors": "not named by the index",
	}
	h := newTestHub(t, files)
	mustResolve(t, h, "org/name", HubOptions{}, "config.json", "model.safetensors.index.json",
		"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
}

// A mirror may list names only; the headers of the files say the rest, and those of
// the redirect count, not those of the storage.
func TestHubListWithoutHashes(t *testing.T) {
	h := newTestHub(t, wholeModel())
	h.bare = true
	dir := mustResolve(t, h, "org/name", HubOptions{}, wantedOfWholeModel...)
	for name, want := range map[string]string{
		"model.safetensors": sha256Of(h.files["model.safetensors"]),
		"config.json":       gitIDOf(h.files["config.json"]),
	} {
		if link, _ := os.Readlink(filepath.Join(dir, name)); filepath.Base(link) != want {
			t.Errorf("%s leads to %s, want %s", name, link, want)
		}
	}
	h.served["model.safetensors"] = strings.Repeat("bad weights, ", 1000)
	os.RemoveAll(inCache())
	failing(t, "org/name", HubOptions{}, "model.safetensors has the hash")
}

func TestHubTokenStaysAtHome(t *testing.T) {
	h := newTestHub(t, wholeModel())
	h.gated = true
	t.Setenv("HF_TOKEN", testToken)
	mustResolve(t, h, "org/name", HubOptions{}, wantedOfWholeModel...)
	var stored int
	for _, entry := range h.requests() {
		withToken := strings.Contains(entry, " token")
		if fromStorage := strings.Contains(entry, " storage "); fromStorage == withToken {
			t.Errorf("request %q", entry)
		} else if fromStorage {
			stored++
		}
	}
	if stored != 1 {
		t.Errorf("%d requests went to the storage, want 1", stored)
	}
}

// A server that was sent the token could send it back, in whatever it says.
func TestHubTokenIsNeverShown(t *testing.T) {
	files := wholeModel()
	delete(files, "model.safetensors")
	shard := testToken + ".safetensors"
	files[indexName] = fmt.Sprintf(`{"weight_map":{"a":%q}}`, shard)
	files[shard] = "a shard"
	h := newTestHub(t, files)
	t.Setenv("HF_TOKEN", testToken)
	var progress bytes.Buffer
	o := HubOptions{Progress: &progress}
	mustResolve(t, h, "org/name", o, "config.json", "tokenizer.json", "tokenizer_config.json", indexName, shard)

	os.RemoveAll(inCache())
	h.served[shard] = "b shard"
	failing(t, "org/name", o, "(token).safetensors has the hash")
	delete(files, shard)
	os.RemoveAll(inCache())
	failing(t, "org/name", o, "there is no", "(token).safetensors")
	for _, status := range []int{401, 403, 404, 418, 429, 500} {
		h.refuse = func(w http.ResponseWriter, r *http.Request) bool {
			http.Error(w, r.Header.Get("Authorization"), status)
			return true
		}
		failing(t, "org/name", o)
	}
	h.refuse = func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, "http://127.0.0.1:1/"+testToken+"?t="+testToken, http.StatusFound)
		return true
	}
	failing(t, "org/name", o, "no whole answer")
	if text := progress.String(); !strings.Contains(text, "(token).safetensors") || strings.Contains(text, testToken) {
		t.Errorf("progress:\n%s", text)
	}
	t.Setenv("HF_TOKEN", testToken+"\n and more")
	failing(t, "org/name", o, "HF_TOKEN: the token holds characters")
}

func TestHubRefusals(t *testing.T) {
	status := func(status int, code string, header ...string) func(*testHub) {
		return func(h *testHub) {
			h.refuse = func(w http.ResponseWriter, r *http.Request) bool {
				if len(header) > 0 {
					w.Header().Set(header[0], header[1])
				}
				answer(w, status, code)
				return true
			}
		}
	}
	without := func(names ...string) func(*testHub) {
		return func(h *testHub) {
			for _, name := range names {
				delete(h.files, name)
			}
		}
	}
	tests := []struct {
		name  string
		token string
		set   func(*testHub)
		input bool // exit code 2
		parts []string
	}{
		{"gated", "", func(h *testHub) { h.gated = true }, true, []string{"org/name is gated or private: ask for access at http", "/org/name and set HF_TOKEN"}},
		{"gated to this token", "hf_other", func(h *testHub) { h.gated = true }, true, []string{"is gated", "the one that was sent may not"}},
		{"gated by 401", "", status(401, "GatedRepo"), true, []string{"is gated"}},
		{"unknown or private", "", status(401, "RepoNotFound"), true, []string{"no such folder", "no such repository, or it is private or gated", "set HF_TOKEN"}},
		{"bad token", testToken, status(401, ""), true, []string{"does not accept the token"}},
		{"unknown", testToken, status(404, "RepoNotFound"), true, []string{"there is no such folder, and", "has no such repository"}},
		{"unknown, without a code", "", status(404, ""), true, []string{"has no such repository"}},
		{"rate limit", "", status(429, "", "Retry-After", "17"), false, []string{"asks for fewer requests; try again in 17 s, or set HF_TOKEN"}},
		{"rate limit, no time", testToken, status(429, "", "Retry-After", "soon"), false, []string{"try again later"}},
		{"server fault", "", status(503, ""), false, []string{"answers 503 to the request for its list of files"}},
		{"no hub", "", func(h *testHub) {
			h.refuse = func(w http.ResponseWriter, r *http.Request) bool {
				io.WriteString(w, "<html>please log in</html>")
				return true
			}
		}, false, []string{"does not answer as a hub does"}},
		{"no config", "", without("config.json"), true, []string{"org/name@main: there is no config.json"}},
		{"an adapter", "", func(h *testHub) {
			without("config.json")(h)
			h.files[adapterConfigName] = "{}"
		}, true, []string{"it is an adapter, not a model"}},
		{"pickle only", "", without("model.safetensors", "consolidated.safetensors"), true,
			[]string{"there is no model.safetensors", `"pytorch_model.bin", a pickle`, "save_pretrained"}},
		{"no weights", "", without("model.safetensors", "pytorch_model.bin"), true, []string{"there is no model.safetensors"}},
		{"file not served", "", func(h *testHub) {
			h.refuse = func(w http.ResponseWriter, r *http.Request) bool {
				missing := strings.HasSuffix(r.URL.Path, "/tokenizer.json")
				if missing {
					answer(w, 404, "EntryNotFound")
				}
				return missing
			}
		}, true, []string{"has no tokenizer.json"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newTestHub(t, wholeModel())
			t.Setenv("HF_TOKEN", test.token)
			test.set(h)
			err := failing(t, "org/name", HubOptions{}, test.parts...)
			if errors.Is(err, ErrInput) != test.input {
				t.Errorf("wraps ErrInput: %v, want %v; %v", !test.input, test.input, err)
			}
		})
	}
}

// A folder is a folder, whatever its name, and what can only be a path is not
// looked for on a hub.
func TestHubIsNotAskedForFolders(t *testing.T) {
	cleanHubEnv(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("request %s %s", r.Method, r.URL)
	}))
	defer server.Close()
	t.Setenv("HF_ENDPOINT", server.URL)
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("org/name@v1", 0o777); err != nil {
		t.Fatal(err)
	}
	writeFile(t, "org", "file", nil)
	for _, arg := range []string{"org/name@v1", ".", filepath.Join(".", "org"), t.TempDir()} {
		if dir, err := ResolveModel(context.Background(), arg, HubOptions{}); dir != arg || err != nil {
			t.Errorf("%s: %q, %v", arg, dir, err)
		}
	}
	for _, arg := range []string{"", "name", "./org/name", "/org/name", "~/name", "org/name/", "a/b/c", `org\name`, "../name",
		"nobody/..", "org/na me", "org/na--me", "org/name.git", "org/name-", "https://huggingface.co/org/name", "org/name\n", "org/näme"} {
		refused(t, failing(t, arg, HubOptions{}), "there is no such folder, and it is not a hub id")
	}
	for _, arg := range []string{"org/name@", "org/name@../../x", "org/name@a/../b", "org/name@/x", "org/name@a b", "org/name@.x", "org/name@a@b"} {
		refused(t, failing(t, arg, HubOptions{}), "is not a revision")
	}
	refused(t, failing(t, "org/file", HubOptions{}), "is not a folder")
	refused(t, failing(t, "org", HubOptions{Revision: "v1"}), `has no revision "v1"`)
	refused(t, failing(t, "org/name", HubOptions{Revision: "../x"}), `"../x" is not a revision`)
	refused(t, failing(t, "org/name@v1.0", HubOptions{Revision: "v2"}), `the revision "v2" was asked for as well`)
}

func TestHubRevision(t *testing.T) {
	const other = "fedcba9876543210fedcba9876543210fedcba98"
	h := newTestHub(t, wholeModel())
	h.commits["v1.0"], h.commits["refs/pr/1"], h.commits["old"] = testCommit, testCommit, other
	for _, revision := range []string{"v1.0", "refs/pr/1"} {
		mustResolve(t, h, "org/name@"+revision, HubOptions{}, wantedOfWholeModel...)
		mustResolve(t, h, "org/name", HubOptions{Revision: revision}, wantedOfWholeModel...)
		mustResolve(t, h, "org/name@"+revision, HubOptions{Revision: revision}, wantedOfWholeModel...)
		if ref, err := os.ReadFile(inCache("refs", filepath.FromSlash(revision))); string(ref) != testCommit {
			t.Errorf("refs/%s is %q, %v", revision, ref, err)
		}
	}
	mustResolve(t, h, "org/name@"+testCommit, HubOptions{}, wantedOfWholeModel...)
	refused(t, failing(t, "org/name@v9", HubOptions{}), `org/name has no revision "v9"`)

	// The same content at another commit needs no download.
	h.requests()
	dir := mustResolve(t, h, "org/name@old", HubOptions{}, wantedOfWholeModel...)
	if got := h.requests(); filepath.Base(dir) != other || len(got) != 1 {
		t.Errorf("%s after %q", dir, got)
	}
}

// Several at once download each file once.
func TestHubLock(t *testing.T) {
	h := newTestHub(t, wholeModel())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := ResolveModel(context.Background(), "org/name", HubOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	sameFiles(t, h, inCache("snapshots", testCommit), wantedOfWholeModel...)
	var downloads []string
	for _, entry := range h.requests() {
		if strings.Contains(entry, "/resolve/") {
			downloads = append(downloads, entry)
		}
	}
	if len(downloads) != len(wantedOfWholeModel) {
		t.Errorf("%d downloads of %d files: %q", len(downloads), len(wantedOfWholeModel), downloads)
	}
}
